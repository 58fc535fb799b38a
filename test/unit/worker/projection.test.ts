import { describe, expect, it } from 'vitest';
import type { Recovery } from '../../../src/contracts.js';
import type { ProjectChunk, ProjectChunkResult } from '../../../src/engine/protocol.js';
import { priorWeight } from '../../../src/models/stylegan/prior.js';
import { type Advance, Divergence, project } from '../../../src/worker/projection.js';

const options = {
  steps: 40,
  learningRate: 0.1,
  space: 'pn' as const,
  pixelWeight: 0,
  styles: 16,
  coarse: 0.5,
  editability: 1,
};
const prior = priorWeight(1);
const photo = { target: new Float32Array(3), latent: Float32Array.of(0), options };

/** Each step adds one to the latent and has the loss that `loss` says; at most `most` steps are taken at once. */
function engine({
  most = 10,
  loss = (step: number) => 100 - step,
  contrast = (_: ProjectChunk): number => 1,
} = {}) {
  const chunks: ProjectChunk[] = [];
  return {
    chunks,
    project: async (chunk: ProjectChunk): Promise<ProjectChunkResult> => {
      chunks.push(chunk);
      const taken = Math.min(most, chunk.learningRates.length);
      return {
        latent: chunk.latent.map((x) => x + taken),
        m: chunk.m,
        v: chunk.v,
        losses: Array.from({ length: taken }, (_, i) => loss(chunk.step + i)),
        contrast: contrast(chunk),
        preview: Uint8Array.of(chunk.step),
      };
    },
    clock: () => 0,
  };
}

const quiet = async (): Promise<void> => undefined;
const caught = async (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);

describe('project', () => {
  it('asks again for the steps that a batch left out: every step of the schedule is taken once, at its rate and side', async () => {
    const whole = engine();
    const parts = engine({ most: 3 });
    const rates = (chunks: readonly ProjectChunk[], most: number): number[] =>
      chunks.flatMap(({ learningRates }) => learningRates.slice(0, most));
    const done = { latent: Float32Array.of(40), steps: 40 };
    expect(await project(whole, photo, quiet)).toEqual(done);
    expect(await project(parts, photo, quiet)).toEqual(done);
    expect(rates(parts.chunks, 3)).toEqual(rates(whole.chunks, 10));
    expect(rates(whole.chunks, 10)).toHaveLength(40);
    for (const { step, judgedAt } of parts.chunks)
      expect([step, judgedAt]).toEqual([step, step < 20 ? 128 : 256]);
  });

  it('reports losses, steps and preview after every chunk, and waits until they are stored', async () => {
    const seen: Advance[] = [];
    const small = engine();
    await project(small, photo, async (advance) => {
      expect(small.chunks).toHaveLength(seen.length + 1);
      seen.push({ ...advance, losses: [...advance.losses] });
    });
    expect(seen.map(({ losses }) => losses.length)).toEqual([1, 11, 20, 30, 40]);
    expect(seen.every(({ steps }) => steps === 40)).toBe(true);
    expect(seen.at(-1)!.preview).toEqual(Uint8Array.of(30));
  });

  it('measures the time of the steps that were taken, not of those asked for', async () => {
    let now = 0;
    const slow = engine({ most: 2 });
    const timed = async (chunk: ProjectChunk) => {
      now += 1000;
      return slow.project(chunk);
    };
    const seen: number[] = [];
    await project({ project: timed, clock: () => now }, photo, async ({ msPerStep }) => {
      seen.push(msPerStep);
    });
    const taken = slow.chunks.map(({ learningRates }) => Math.min(2, learningRates.length));
    expect(new Set(taken)).toEqual(new Set([1, 2]));
    expect(seen).toEqual(taken.map((count) => 1000 / count));
  });

  it('stops where the loss has stopped paying, unless it must not', async () => {
    const long = { ...photo, options: { ...options, steps: 200 } };
    const flat = () => engine({ loss: () => 7 });
    const seen: Advance[] = [];
    const { latent, steps } = await project(flat(), long, async (advance) => void seen.push(advance));
    expect(steps).toBeLessThan(200);
    expect(latent).toEqual(Float32Array.of(steps));
    expect(seen.at(-1)).toMatchObject({ steps });
    const never = { ...long, options: { ...long.options, earlyStop: false } };
    expect(await project(flat(), never, quiet)).toMatchObject({ steps: 200 });
  });

  describe('that meets a loss or a latent that is no number', () => {
    const brokenAt = (at: number) => engine({ loss: (step) => (step >= at ? Number.NaN : 100 - step) });

    it.each([
      ['in the first step of a chunk', 11, { step: 1, loss: 99 }],
      ['within a chunk', 18, { step: 11, loss: 89 }],
      ['in the second step', 1, { step: 0, loss: 100 }],
    ])('%s again and again gives up after three recoveries, the last from the start', async (_, at, good) => {
      const error = await caught(project(brokenAt(at), photo, quiet));
      expect(error).toBeInstanceOf(Divergence);
      const { step, losses, lastGood, recoveries } = error as Divergence;
      expect(step).toBe(at);
      expect(losses).toHaveLength(at);
      expect(lastGood).toEqual({ ...good, latent: Float32Array.of(good.step) });
      expect(recoveries).toEqual([
        { step: at, cause: 'not-finite', backTo: good.step, learningRate: 0.04, prior: 2 * prior },
        { step: at, cause: 'not-finite', backTo: good.step, learningRate: 0.016, prior: 4 * prior },
        { step: at, cause: 'not-finite', backTo: 0, learningRate: 0.0064, prior: 8 * prior },
      ]);
    });

    it('gives up at once when the start itself has none', async () => {
      const error = await caught(project(brokenAt(0), photo, quiet));
      expect(error).toMatchObject({ step: 0, losses: [], lastGood: undefined, recoveries: [] });
    });

    it('goes back to where the loss was finite when the latent alone is not', async () => {
      const small = engine();
      const broken = async (chunk: ProjectChunk) => ({
        ...(await small.project(chunk)),
        ...(chunk.step === 1 && { latent: Float32Array.of(Number.NaN) }),
      });
      const error = await caught(project({ ...small, project: broken }, photo, quiet));
      expect(error).toMatchObject({ step: 11, lastGood: { step: 1 } });
    });

    it('goes on from the last good latent with its moments, at a smaller rate and with a stronger prior', async () => {
      const small = engine({ loss: (step) => 100 - step });
      const heard: Recovery[] = [];
      const once = async (chunk: ProjectChunk) => {
        const result = await small.project(chunk);
        const isFirst = chunk.step === 11 && heard.length === 0;
        return isFirst ? { ...result, losses: result.losses.map(() => Number.NaN) } : result;
      };
      const seen: Advance[] = [];
      const done = await project(
        { ...small, project: once, onRecovery: (recovery) => heard.push(recovery) },
        photo,
        async (advance) => void seen.push({ ...advance, losses: [...advance.losses] }),
      );
      expect(done).toEqual({ latent: Float32Array.of(40), steps: 40 });
      expect(heard).toEqual([
        { step: 11, cause: 'not-finite', backTo: 1, learningRate: 0.04, prior: 2 * prior },
      ]);
      expect(small.chunks.map(({ step, prior }) => [step, prior])).toEqual([
        [0, prior],
        [1, prior],
        [11, prior],
        [1, 2 * prior],
        [11, 2 * prior],
        [20, 2 * prior],
        [30, 2 * prior],
      ]);
      const [, before, , after] = small.chunks;
      expect(after!.latent).toEqual(before!.latent);
      expect(after!.m).toEqual(before!.m);
      for (const [i, rate] of after!.learningRates.entries())
        expect(rate).toBeCloseTo(0.4 * before!.learningRates[i]!, 12);
      expect(seen.map(({ losses }) => losses.length)).toEqual([1, 11, 11, 20, 30, 40]);
      expect(seen.at(-1)).toMatchObject({ recoveries: heard });
      expect(seen.at(-1)!.losses).toEqual(Array.from({ length: 40 }, (_, t) => 100 - t));
    });
  });

  describe('whose image fades to grey while the loss falls', () => {
    /** Fades for good once it has taken a step at a rate above 0.05. */
    function fading() {
      let faded = false;
      return engine({
        contrast: ({ learningRates }) => {
          faded = learningRates.some((rate) => rate > 0.05);
          return faded ? 0.1 : 0.9;
        },
      });
    }

    it('is taken back to before it faded, and ends at a rate at which it does not', async () => {
      const seen: Advance[] = [];
      await project(fading(), photo, async (advance) => void seen.push(advance));
      const [recovery, ...more] = seen.at(-1)!.recoveries;
      expect(recovery).toMatchObject({ step: 20, cause: 'contrast', backTo: 0, learningRate: 0.04 });
      expect(more).toEqual([]);
      expect(seen.at(-1)!.losses).toHaveLength(40);
    });

    it('is given up when that does not help, with the start as the last good latent', async () => {
      const error = await caught(project(engine({ contrast: () => 0.1 }), photo, quiet));
      expect(error).toMatchObject({ reason: 'contrast', lastGood: { step: 0, loss: 100 } });
      expect((error as Divergence).recoveries).toHaveLength(3);
    });

    it('in W is given no prior, which it does not have', async () => {
      const inW = { ...photo, options: { ...options, space: 'w' as const } };
      const small = engine({ contrast: () => 0.1 });
      await caught(project(small, inW, quiet));
      expect(new Set(small.chunks.map(({ prior }) => prior))).toEqual(new Set([0]));
    });
  });

  it('refuses an answer without steps, which would never end', async () => {
    await expect(project(engine({ most: 0 }), photo, quiet)).rejects.toThrow('at least one step');
  });
});
