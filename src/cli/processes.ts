/** Child processes that are certain to end: each leads a process group of its own, which is signalled as a whole. */
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export interface ProcessSpec {
  name: string;
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** Text for its standard input. */
  input?: string;
  /** Keep an IPC channel open, which tells the child when this process is gone. */
  lifeline?: boolean;
}

/** A script of this package, run by the Node that runs now; it stops by itself when this process is gone. */
export function nodeSpec(name: string, script: URL, env?: NodeJS.ProcessEnv): ProcessSpec {
  const lifeline = new URL('./lifeline.js', import.meta.url).href;
  const args = ['--enable-source-maps', '--import', lifeline, fileURLToPath(script)];
  return { name, command: process.execPath, args, env, lifeline: true };
}

/** The same promise for any program: it runs below a script that listens for it. */
export function leashed(spec: ProcessSpec): ProcessSpec {
  const leash = nodeSpec(spec.name, new URL('./leash.js', import.meta.url), spec.env);
  return { ...leash, args: [...leash.args, spec.command, ...spec.args], input: spec.input };
}

export class ManagedProcess {
  readonly name: string;
  /** Settles with a sentence about how it ended; never rejects. */
  readonly exited: Promise<string>;
  readonly #child: ChildProcess;
  #running = true;

  constructor(spec: ProcessSpec) {
    this.name = spec.name;
    // Ctrl-C in a terminal reaches the foreground group only; a group of its own leaves the order of ending to us.
    this.#child = spawn(spec.command, spec.args, {
      detached: true,
      env: spec.env,
      stdio: [
        spec.input === undefined ? 'ignore' : 'pipe',
        'inherit',
        'inherit',
        ...(spec.lifeline ? (['ipc'] as const) : []),
      ],
    });
    this.exited = new Promise((resolve) => {
      const ended = (how: string): void => {
        this.#running = false;
        resolve(how);
      };
      this.#child.once('error', (error) => ended(`${spec.name} cannot run: ${error.message}`));
      this.#child.once('exit', (code, signal) =>
        ended(signal ? `${spec.name} was ended by ${signal}` : `${spec.name} ended with code ${code}`),
      );
    });
    this.#child.stdin?.on('error', () => undefined);
    this.#child.stdin?.end(spec.input);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Asks it to end and kills its whole group when it has not after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    if (this.#running) {
      this.#child.kill('SIGTERM');
      await Promise.race([this.exited, sleep(graceMs, undefined, { ref: false })]);
    }
    this.kill();
    await this.exited;
  }

  /** Kills it and every process it started. */
  kill(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // The group is empty.
    }
  }
}

/** Endings within this time count together. */
const WINDOW_MS = 60_000;
const PAUSE_MS = 250;

/** Keeps one process running: restarts it when it ends by itself, as long as `mayRestart` allows. */
export class Supervised {
  /** Settles with the reason when the process has ended for good by itself; stays pending otherwise. */
  readonly gaveUp: Promise<string>;
  readonly #spec: ProcessSpec;
  #current: ManagedProcess;
  #stopping = false;

  /** `mayRestart` is told how often the process has ended within the last minute. */
  constructor(
    spec: ProcessSpec,
    mayRestart: (recentEnds: number) => boolean,
    onRestart: (reason: string) => void,
  ) {
    this.#spec = spec;
    this.#current = new ManagedProcess(spec);
    this.gaveUp = new Promise((resolve) => {
      void this.#watch(mayRestart, onRestart, resolve);
    });
  }

  get pid(): number | undefined {
    return this.#current.pid;
  }

  stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    return this.#current.stop(graceMs);
  }

  kill(): void {
    this.#stopping = true;
    this.#current.kill();
  }

  async #watch(
    mayRestart: (recentEnds: number) => boolean,
    onRestart: (reason: string) => void,
    giveUp: (reason: string) => void,
  ): Promise<void> {
    const ends: number[] = [];
    for (;;) {
      const reason = await this.#current.exited;
      if (this.#stopping) return;
      // What the dead process started must not linger beside its successor.
      this.#current.kill();
      const now = performance.now();
      ends.push(now);
      if (!mayRestart(ends.filter((end) => now - end < WINDOW_MS).length)) return giveUp(reason);
      onRestart(reason);
      await sleep(PAUSE_MS);
      if (this.#stopping) return;
      this.#current = new ManagedProcess(this.#spec);
    }
  }
}
