/** One process of the built service that a test may kill and start again, with everything it says kept in a file. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface PartSpec {
  name: string;
  command: string;
  args: readonly string[];
  env?: Record<string, string | undefined>;
  /** Text for its standard input. */
  input?: string;
  /** File that its output is added to. */
  log: string;
}

/** Sends SIGKILL to a process, or with a negative number to a group. What has just ended by itself is as good. */
export function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export class Part {
  #child: ChildProcess | undefined;

  constructor(private readonly spec: PartSpec) {}

  get name(): string {
    return this.spec.name;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.running ? this.#child?.pid : undefined;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /**
   * Resolves when the process runs; whether it is ready is another question. Does nothing while it runs. `more` is added to
   * its environment this once.
   */
  async start(more: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.running) return;
    const { command, args, env, input, log } = this.spec;
    const file = await open(log, 'a');
    // A group of its own: it is killed with all that it started, and Ctrl-C reaches the test only.
    const child = spawn(command, args, {
      detached: true,
      env: { ...process.env, ...env, ...more },
      stdio: [input === undefined ? 'ignore' : 'pipe', file.fd, file.fd, 'ipc'],
    });
    this.#child = child;
    child.stdin?.end(input);
    await once(child, 'spawn').finally(() => file.close());
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Kills it with its children, as an out-of-memory killer that takes a whole container. */
  async kill(): Promise<void> {
    if (!this.running) return;
    const exited = once(this.#child!, 'exit');
    endProcess(-this.#child!.pid!);
    await exited;
  }

  /** Asks it to end. Resolves with its exit code, or the signal that ended it; kills what is left after `graceMs`. */
  async stop(graceMs = 15_000): Promise<number | NodeJS.Signals> {
    if (!this.running) return 0;
    const exited = once(this.#child!, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    const timer = setTimeout(() => void this.kill(), graceMs);
    this.signal('SIGTERM');
    const [code, signal] = await exited;
    clearTimeout(timer);
    return code ?? signal!;
  }

  /** Process ids of its live children: the engines of a worker. */
  async children(): Promise<number[]> {
    const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,stat=']);
    return stdout.split('\n').flatMap((line) => {
      const [pid, parent, state] = line.trim().split(/\s+/);
      return Number(parent) === this.pid && !state?.startsWith('Z') ? [Number(pid)] : [];
    });
  }

  /** Resolves when it has ended by itself, with its exit code or the signal that ended it. */
  async ended(): Promise<number | NodeJS.Signals> {
    const child = this.#child!;
    if (this.running) await once(child, 'exit');
    return child.exitCode ?? child.signalCode!;
  }

  /** Everything that it has said. */
  async said(): Promise<string> {
    return readFile(this.spec.log, 'utf8').catch(() => '');
  }
}
