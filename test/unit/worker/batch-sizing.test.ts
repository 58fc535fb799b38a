import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BatchSetting } from '../../../src/config.js';
import type { BatchSpeed, EngineCalls, EngineMethod } from '../../../src/engine/protocol.js';
import type { BatchInfo } from '../../../src/store/workers.js';
import { BatchSizing } from '../../../src/worker/batch-sizing.js';
import type { Engine } from '../../../src/worker/engine-client.js';

/** Knows or measures milliseconds for each photo, by batch size; a photo alone takes 100. */
class SpeedEngine implements Engine {
  asked: { batch: number; known: boolean }[] = [];
  constructor(
    readonly known: Record<number, number>,
    readonly measured: Record<number, number> = {},
  ) {}

  async call<M extends EngineMethod>(_: M, params: EngineCalls[M]['in']): Promise<EngineCalls[M]['out']> {
    const { batch, known } = params as EngineCalls['batchSpeed']['in'];
    this.asked.push({ batch, known });
    const together = this.known[batch] ?? (known ? undefined : this.measured[batch]);
    const speed: BatchSpeed | undefined = together === undefined ? undefined : { alone: 100, together };
    return speed as EngineCalls[M]['out'];
  }
}

let choices: BatchInfo[];
let errors: unknown[];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  choices = [];
  errors = [];
});
afterEach(() => void vi.useRealTimers());

const sizing = (engine: Engine, setting: BatchSetting = 'auto', device: 'cpu' | 'cuda' = 'cpu') =>
  new BatchSizing(engine, {
    setting,
    device,
    onChoice: (choice) => choices.push(choice),
    onError: (error) => errors.push(error),
  });

describe('BatchSizing', () => {
  it.each([
    ['a set size', 2, 'cpu', { size: 2, why: 'set' }],
    ['a set size on a GPU', 1, 'cuda', { size: 1, why: 'set' }],
    ['8 on a GPU', 'auto', 'cuda', { size: 8, why: 'gpu' }],
  ] as const)('takes %s without measuring', async (_, setting, device, choice) => {
    const engine = new SpeedEngine({});
    await sizing(engine, setting, device).begin();
    expect(choices).toEqual([{ ...choice, speeds: [] }]);
    expect(engine.asked).toEqual([]);
  });

  it.each([
    ['no gain', { 2: 99 }, 1],
    ['a gain of less than 5 %', { 2: 95.5 }, 1],
    ['a gain of two, but not of four', { 2: 90, 4: 86 }, 2],
    ['a gain of four', { 2: 90, 4: 80, 8: 79 }, 4],
    ['a gain of eight', { 2: 90, 4: 80, 8: 70 }, 8],
  ])('doubles the batch as long as a doubling saves 5 %%: %s', async (_, known, size) => {
    const engine = new SpeedEngine(known);
    await sizing(engine).begin();
    const speeds = Object.entries(known).map(([batch, together]) => ({
      batch: Number(batch),
      alone: 100,
      together,
    }));
    expect(choices).toEqual([{ size, why: 'measured', speeds }]);
    expect(engine.asked.every(({ known: only }) => only)).toBe(true);
  });

  it('measures nothing before its first job has ended, and then when no job has come for a minute', async () => {
    const engine = new SpeedEngine({}, { 2: 80, 4: 79 });
    const some = sizing(engine);
    await some.begin();
    some.idle();
    vi.advanceTimersByTime(60_000);
    expect(choices).toEqual([{ size: 1, why: 'unmeasured', speeds: [] }]);
    expect(engine.asked).toEqual([{ batch: 2, known: true }]);
    some.jobEnded();
    some.idle();
    vi.advanceTimersByTime(59_000);
    some.jobBegan();
    vi.advanceTimersByTime(60_000);
    some.jobEnded();
    expect(engine.asked).toHaveLength(1);
    some.idle();
    vi.advanceTimersByTime(60_000);
    await vi.waitFor(() => expect(choices.at(-1)).toMatchObject({ size: 2, why: 'measured' }));
    some.jobEnded();
    some.idle();
    expect(engine.asked.filter(({ known }) => !known)).toHaveLength(2);
  });

  it('measures after eight jobs even when its queue is never empty', async () => {
    const engine = new SpeedEngine({}, { 2: 100 });
    const some = sizing(engine);
    await some.begin();
    for (let i = 0; i < 7; i++) some.jobEnded();
    expect(engine.asked).toHaveLength(1);
    some.jobEnded();
    await vi.waitFor(() => expect(choices.at(-1)).toMatchObject({ size: 1, why: 'measured' }));
  });

  it('stays at the largest batch that fits into memory', async () => {
    const engine = new SpeedEngine({}, { 2: 50 });
    const some = sizing(engine);
    await some.begin();
    some.jobEnded();
    some.idle();
    vi.advanceTimersByTime(60_000);
    await vi.waitFor(() => expect(choices.at(-1)).toMatchObject({ size: 2, why: 'measured' }));
  });

  it('goes on one by one when the measurement fails, and does not try again', async () => {
    const lost = new Error('engine lost');
    const engine = new SpeedEngine({});
    const some = sizing(engine);
    await some.begin();
    const call = vi.spyOn(engine, 'call').mockRejectedValue(lost);
    some.jobEnded();
    some.idle();
    vi.advanceTimersByTime(60_000);
    await vi.waitFor(() => expect(errors).toEqual([lost]));
    some.idle();
    vi.advanceTimersByTime(60_000);
    expect(call).toHaveBeenCalledOnce();
    expect(choices).toHaveLength(1);
  });
});
