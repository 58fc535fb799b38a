import { describe, expect, it } from 'vitest';
import type { ProjectChunk, ProjectChunkResult } from '../../../src/engine/protocol.js';
import { type Advance, Divergence, project } from '../../../src/worker/projection.js';

const options = { steps: 40, learningRate: 0.1, space: 'pn' as const, pixelWeight: 0, styles: 16 };
const photo = { target: new Float32Array(3), latent: Float32Array.of(0), options };

/** Each step adds one to the latent and has the loss that `loss` says; at most `most` steps are taken at once. */
function engine({ most = 10, loss = (step: number) => 100 - step } = {}) {
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
    expect(seen.map(({ losses }) => losses.length)).toEqual([5, 15, 20, 30, 40]);
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
    expect(new Set(seen)).toEqual(new Set([500]));
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

  it.each([
    ['in the first step of a chunk', 15, { step: 5, loss: 95 }],
    ['within a chunk', 18, { step: 15, loss: 85 }],
    ['in the second step', 1, { step: 0, loss: 100 }],
  ])(
    'names the step of a loss that is not finite %s, with the last latent whose loss is',
    async (_, at, good) => {
      const broken = engine({ loss: (step) => (step >= at ? Number.NaN : 100 - step) });
      const error = await caught(project(broken, photo, quiet));
      expect(error).toBeInstanceOf(Divergence);
      const { step, losses, lastGood } = error as Divergence;
      expect(step).toBe(at);
      expect(losses).toHaveLength(at);
      expect(lastGood).toEqual({ ...good, latent: Float32Array.of(good.step) });
    },
  );

  it('names the step after which the latent alone is not finite', async () => {
    const small = engine();
    const broken = async (chunk: ProjectChunk) => ({
      ...(await small.project(chunk)),
      ...(chunk.step === 5 && { latent: Float32Array.of(Number.NaN) }),
    });
    const error = await caught(project({ ...small, project: broken }, photo, quiet));
    expect(error).toMatchObject({ step: 15, lastGood: { step: 5 } });
  });

  it('refuses an answer without steps, which would never end', async () => {
    await expect(project(engine({ most: 0 }), photo, quiet)).rejects.toThrow('at least one step');
  });
});
