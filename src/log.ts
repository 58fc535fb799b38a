/** The log of a process: JSON lines, without what plugins and errors would tell about people. */
import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from 'pino';
import type { LogLevel } from './config.js';
import { trail } from './trail.js';

/** The reader of forms traces its options, which hold all headers of the request, keys included. */
const LEFT_OUT = ['busboyOptions'];

const OPTIONS: LoggerOptions = {
  redact: { paths: LEFT_OUT, remove: true },
  serializers: { err: described },
};

export const createLog = (name: string, level: LogLevel, destination?: DestinationStream): Logger =>
  pino({ ...OPTIONS, name, level }, destination);

/**
 * Type, message and stack of an error, those of its causes included, and its code. Other members stay out: an error of Redis
 * holds the whole command, with what was to be stored, and one of a schema the value that did not fit.
 */
function described(error: unknown): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  const { type, message, stack, code } = stdSerializers.err(error);
  return { type, message, stack, ...(typeof code === 'string' && { code }) };
}

/** A log whose lines tell the request whose job they are about, as those of the API do about theirs. */
export function createJobLog(name: string, level: LogLevel, destination?: DestinationStream): Logger {
  const mixin = (): { reqId?: string | undefined } => ({ reqId: trail().request });
  return pino({ ...OPTIONS, name, level, mixin }, destination);
}
