/** The log of a process: JSON lines, without what plugins would tell about who asked. */
import { type DestinationStream, type Logger, pino } from 'pino';
import type { LogLevel } from './config.js';

/** The reader of forms traces its options, which hold all headers of the request, keys included. */
const LEFT_OUT = ['busboyOptions'];

export function createLog(name: string, level: LogLevel, destination?: DestinationStream): Logger {
  return pino({ name, level, redact: { paths: LEFT_OUT, remove: true } }, destination);
}
