/** A child process that takes Adam steps on request: one line in, one line of JSON out. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

const Ready = Type.Object({ ready: Type.String({ description: 'Name and version of what computes.' }) });
const Steps = Type.Object({ losses: Type.Array(Type.Number()), seconds: Type.Number() });
const Failed = Type.Object({ error: Type.String() });
const Answer = Type.Union([Ready, Steps, Failed]);
export type StepsAnswer = Static<typeof Steps>;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) end(child);
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

export class LineChild {
  private readonly lines: AsyncIterator<string>;
  private errors = '';

  private constructor(
    readonly name: string,
    private readonly child: ChildProcess,
  ) {
    this.lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.errors = (this.errors + text).slice(-2000);
    });
    // A child that is gone is noticed by its missing answer.
    child.stdin!.on('error', () => undefined);
    running.add(child);
    child.once('close', () => running.delete(child));
  }

  /** Starts it and waits until it has loaded everything. Rejects with what it said on stderr. */
  static async start(
    name: string,
    [command, ...args]: readonly [string, ...string[]],
    { seconds, env = {} }: { seconds: number; env?: Record<string, string> },
  ): Promise<{ child: LineChild; version: string }> {
    // A process group of its own: what it starts in turn, a compiler for instance, ends with it.
    const options = { detached: true, env: { ...process.env, ...env }, stdio: 'pipe' } as const;
    const child = new LineChild(
      name,
      spawn(command, args, options).on('error', () => undefined),
    );
    const answer = await child.answer(seconds);
    if ('ready' in answer) return { child, version: answer.ready };
    throw new Error(`${name} gave losses before it was asked`);
  }

  /** Asks for `count` steps. */
  async steps(count: number, seconds: number): Promise<StepsAnswer> {
    this.child.stdin!.write(`${count}\n`);
    const answer = await this.answer(seconds);
    if ('losses' in answer && answer.losses.length === count) return answer;
    throw new Error(`Expected ${count} losses of ${this.name} but received ${JSON.stringify(answer)}`);
  }

  /** Most bytes that it has held in memory at a time; undefined where the system does not tell. */
  async peakBytes(): Promise<number | undefined> {
    const status = await readFile(`/proc/${this.child.pid}/status`, 'utf8').catch(() => '');
    const kibibytes = /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  }

  async stop(): Promise<void> {
    if (!running.has(this.child)) return;
    const closed = once(this.child, 'close');
    end(this.child);
    await closed;
  }

  /** The next line, within so many seconds; a child that fails or is late is stopped. */
  private async answer(seconds: number): Promise<Exclude<Static<typeof Answer>, Static<typeof Failed>>> {
    try {
      const line = await within(this.lines.next(), seconds);
      if (line === 'late') throw new Error(`${this.name}: no answer within ${seconds} s`);
      if (line.done) {
        // Its last words may come after the end of its answers.
        await this.stop();
        throw new Error(`${this.name} ended: ${this.errors.trim() || 'it said nothing'}`);
      }
      const answer: unknown = JSON.parse(line.value);
      if (!Value.Check(Answer, answer)) throw new Error(`${this.name} answered ${line.value}`);
      if ('error' in answer) throw new Error(answer.error);
      return answer;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }
}

async function within<T>(work: Promise<T>, seconds: number): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, seconds * 1000, 'late');
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function end(child: ChildProcess): void {
  try {
    if (child.pid) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
