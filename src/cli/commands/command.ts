/** What every command of `latentmorph` is made of. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

export interface Command {
  /** One line for the list of commands. */
  summary: string;
  usage: string;
  /** Resolves with the exit code. Throws `Misused` for wrong arguments. */
  run(args: string[]): Promise<number>;
}

/** Codes with which `latentmorph` ends. */
export const EXIT = {
  ok: 0,
  /** The work could not be done; what was said tells why. */
  failed: 1,
  /** Wrong arguments. */
  misused: 2,
  /** The service cannot be reached, or refuses the key. */
  unreachable: 3,
  interrupted: 130,
} as const;

/** Wrong arguments: the message says what was received and expected. */
export class Misused extends Error {}

type Options = NonNullable<ParseArgsConfig['options']>;

/** Parses the arguments of a command, with `--json` and `--help` besides its own. Throws `Misused`. */
export function argumentsOf<const T extends Options>(args: string[], options: T) {
  try {
    return parseArgs({ args, allowPositionals: true, options });
  } catch (error) {
    throw new Misused((error as Error).message);
  }
}

/** A number of a range, of an option that was given. Throws `Misused`. */
export function numberOption(
  name: string,
  text: string | undefined,
  { least, most, isInteger = false }: { least: number; most: number; isInteger?: boolean },
): number | undefined {
  if (text === undefined) return undefined;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= least && value <= most && (!isInteger || Number.isInteger(value))) return value;
  throw new Misused(
    `Expected ${isInteger ? 'an integer' : 'a number'} from ${least} to ${most} for --${name} but received '${text}'.`,
  );
}
