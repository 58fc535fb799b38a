import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { BatchSize } from '../../../src/config.js';
import type {
  EngineCalls,
  EngineMethod,
  ProjectChunk,
  ProjectChunkResult,
} from '../../../src/engine/protocol.js';
import { Batcher } from '../../../src/worker/batcher.js';
import type { Engine } from '../../../src/worker/engine-client.js';

/** A chunk known by its `step`. */
const chunk = (name: number, patch: Partial<ProjectChunk> = {}): ProjectChunk => ({
  space: 'pn',
  judgedAt: 128,
  target: new Float32Array(3),
  latent: new Float32Array(16 * 512),
  m: new Float32Array(),
  v: new Float32Array(),
  step: name,
  learningRates: [0.1],
  pixelWeight: 0,
  lpipsWeight: 0,
  prior: 0,
  ...patch,
});

const resultOf = ({ step }: ProjectChunk): ProjectChunkResult => ({
  latent: Float32Array.of(step),
  m: new Float32Array(),
  v: new Float32Array(),
  losses: [step],
  contrast: 1,
  preview: new Uint8Array(),
});

/** Keeps every call until the test answers it. */
class HeldEngine implements Engine {
  readonly calls: { names: number[]; answer: (error?: Error) => void }[] = [];

  call<M extends EngineMethod>(_: M, params: EngineCalls[M]['in']): Promise<EngineCalls[M]['out']> {
    const chunks = params as ProjectChunk[];
    return new Promise<unknown>((resolve, reject) => {
      const answer = (error?: Error): void => (error ? reject(error) : resolve(chunks.map(resultOf)));
      this.calls.push({ names: chunks.map(({ step }) => step), answer });
    }) as Promise<EngineCalls[M]['out']>;
  }

  /** Names of the photos of the `n`-th call, once it is there. */
  async names(n: number): Promise<number[]> {
    return (await vi.waitFor(() => this.calls[n] ?? Promise.reject(new Error(`no call ${n}`)))).names;
  }
}

const never = (): AbortSignal => new AbortController().signal;
let engine: HeldEngine;
beforeEach(() => {
  engine = new HeldEngine();
});

/** Long enough that the gathering, and not the clock of a busy machine, decides who shares a call. */
const batcher = (limit: BatchSize, gatherMs = 50) => new Batcher(engine, { limit, gatherMs });

describe('Batcher', () => {
  it('serves a lone chunk at once, without waiting for others', () => {
    void batcher(8).project(chunk(1), never());
    expect(engine.calls.map(({ names }) => names)).toEqual([[1]]);
  });

  it.each([
    [1, [[2], [3], [4], [5], [6]]],
    [2, [[2, 3], [4, 5], [6]]],
    [8, [[2, 3, 4, 5], [6]]],
  ] as const)(
    'with a limit of %i serves who came meanwhile, oldest first, in calls of 1, 2, 4 or 8',
    async (limit, calls) => {
      const some = batcher(limit, 1);
      for (const name of [1, 2, 3, 4, 5, 6]) void some.project(chunk(name), never());
      engine.calls[0]!.answer();
      for (const [n, names] of calls.entries()) {
        expect(await engine.names(n + 1)).toEqual(names);
        engine.calls[n + 1]!.answer();
      }
    },
  );

  it('gives each job the result of its own photo', async () => {
    const some = batcher(2);
    const results = [1, 2, 3].map((name) => some.project(chunk(name), never()));
    engine.calls[0]!.answer();
    await engine.names(1);
    engine.calls[1]!.answer();
    expect((await Promise.all(results)).map(({ losses }) => losses)).toEqual([[1], [2], [3]]);
  });

  it('gathers the jobs that were just served with those that waited', async () => {
    const some = batcher(2);
    const first = some.project(chunk(1), never());
    void some.project(chunk(2), never());
    engine.calls[0]!.answer();
    await first;
    await sleep(5);
    void some.project(chunk(11), never());
    expect(await engine.names(1)).toEqual([2, 11]);
  });

  it('does not wait for a job that does not come back', async () => {
    const some = batcher(2, 20);
    const first = some.project(chunk(1), never());
    void some.project(chunk(2), never());
    engine.calls[0]!.answer();
    await first;
    expect(await engine.names(1)).toEqual([2]);
  });

  it.each([
    ['judged side', { judgedAt: 256 }],
    ['space', { space: 'w' }],
    ['number of styles', { latent: new Float32Array(8 * 512) }],
  ] as const)('never mixes photos of another %s, and none of them starves', async (_, patch) => {
    const some = batcher(2, 10);
    const running = [1, 2, 3].map((name) => some.project(chunk(name), never()));
    void some.project(chunk(100, patch), never());
    engine.calls[0]!.answer();
    await running[0];
    void some.project(chunk(11), never());
    expect(await engine.names(1)).toEqual([2, 3]);
    engine.calls[1]!.answer();
    expect(await engine.names(2)).toEqual([100]);
    engine.calls[2]!.answer();
    expect(await engine.names(3)).toEqual([11]);
  });

  it('lets a job leave while it waits and while it is served, and the others go on', async () => {
    const some = batcher(4);
    const controllers = [1, 2, 3, 4, 5].map(() => new AbortController());
    const results = controllers.map(({ signal }, i) => some.project(chunk(i + 1), signal));
    controllers[4]!.abort('cancelled');
    await expect(results[4]).rejects.toBe('cancelled');
    engine.calls[0]!.answer();
    expect(await engine.names(1)).toEqual([2, 3]);
    controllers[1]!.abort('deleted');
    await expect(results[1]).rejects.toBe('deleted');
    engine.calls[1]!.answer();
    expect((await results[2]!).losses).toEqual([3]);
    engine.calls[2]?.answer();
  });

  it('takes no chunk of a job that was aborted before', async () => {
    await expect(batcher(2).project(chunk(1), AbortSignal.abort('gone'))).rejects.toBe('gone');
    expect(engine.calls).toEqual([]);
  });

  it('serves the photos of a failed batch one by one: only the one to blame fails', async () => {
    const some = batcher(2);
    void some.project(chunk(1), never());
    const results = [2, 3].map((name) => some.project(chunk(name), never()));
    engine.calls[0]!.answer();
    expect(await engine.names(1)).toEqual([2, 3]);
    engine.calls[1]!.answer(new Error('bad photo'));
    expect(await engine.names(2)).toEqual([2]);
    engine.calls[2]!.answer(new Error('bad photo'));
    await expect(results[0]).rejects.toThrow('bad photo');
    expect(await engine.names(3)).toEqual([3]);
    engine.calls[3]!.answer();
    expect((await results[1]!).losses).toEqual([3]);
    expect(some.limit).toBe(2);
  });

  it('lowers its limit when a batch fails whose photos can all be served alone', async () => {
    const shrunk = vi.fn();
    const some = new Batcher(engine, { limit: 8, gatherMs: 1, onShrink: shrunk });
    for (const name of [1, 2, 3, 4, 5]) void some.project(chunk(name), never());
    engine.calls[0]!.answer();
    await engine.names(1);
    const error = new Error('out of memory');
    engine.calls[1]!.answer(error);
    for (const n of [2, 3, 4, 5]) {
      await engine.names(n);
      engine.calls[n]!.answer();
    }
    await vi.waitFor(() => expect(shrunk).toHaveBeenCalledExactlyOnceWith(2, error));
    expect(some.limit).toBe(2);
  });

  it('works on after it was idle', async () => {
    const some = batcher(2, 1);
    const first = some.project(chunk(1), never());
    engine.calls[0]!.answer();
    await first;
    await sleep(10);
    void some.project(chunk(2), never());
    expect(await engine.names(1)).toEqual([2]);
  });
});
