/** Runs the built commands as a user does, and finds every process that they start. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** One command of `dist/cli`, marked through its environment, which every process below it inherits. */
export class Command {
  readonly exited: Promise<number | string>;
  readonly #mark = `latentmorph-test-${randomUUID()}`;
  readonly #child: ChildProcess;
  output = '';

  constructor(name: string, args: readonly string[] = [], env: Record<string, string> = {}) {
    this.#child = spawn(process.execPath, [`dist/cli/${name}.js`, ...args], {
      cwd: ROOT,
      env: { ...process.env, LOG_LEVEL: 'warn', ...env, LATENTMORPH_TEST_MARK: this.#mark },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
  }

  /** Resolves when the output matches. Rejects with the output when the command ends before. */
  async says(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = this.output.match(pattern);
      if (match) return match;
      const ended = await Promise.race([
        this.exited.then(() => true),
        new Promise<false>((resolve) => setTimeout(resolve, 50, false)),
      ]);
      if (ended && !pattern.test(this.output)) throw new Error(`The command ended:\n${this.output}`);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /**
   * Live processes that this command started, itself included, whoever their parent is now. A Redis server is missing:
   * it writes its title over its environment.
   */
  async processes(): Promise<{ pid: number; command: string }[]> {
    const { stdout } = await promisify(execFile)('ps', ['axeww', '-o', 'pid=,stat=,command='], {
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout.split('\n').flatMap((line) => {
      const match = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line);
      if (!match?.[3]?.includes(this.#mark) || match[2]?.startsWith('Z')) return [];
      return [{ pid: Number(match[1]), command: match[3].split(' LATENTMORPH')[0] ?? '' }];
    });
  }

  /** Ends whatever is left, for a test that has failed. */
  async clear(): Promise<void> {
    for (const { pid } of await this.processes()) process.kill(pid, 'SIGKILL');
  }
}
