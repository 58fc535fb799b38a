/** Several embedding jobs of one worker at once, on real records and blobs; the engine is plain arithmetic. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EmbeddingRecord, Recovery } from '../../src/contracts.js';
import { AppError } from '../../src/errors.js';
import { Batcher } from '../../src/worker/batcher.js';
import { type EmbedOutcome, embed } from '../../src/worker/embed.js';
import { detection, startApp, storeFinished, type TestApp } from '../support/app.js';
import { ArithmeticEngine } from '../support/arithmetic-engine.js';
import { startRedis, type TestRedis } from '../support/redis.js';

let server: TestRedis;
let service: TestApp;
let engine: ArithmeticEngine;
let batcher: Batcher;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  service = await startApp(server.url);
  engine = new ArithmeticEngine();
  batcher = new Batcher(engine, { limit: 4, gatherMs: 500 });
});
afterEach(() => service.close());

/** Resolves for all as soon as `count` have come. */
function together(count: number): () => Promise<void> {
  let resolve = (): void => undefined;
  const all = new Promise<void>((done) => {
    resolve = done;
  });
  let missing = count;
  return () => {
    if (--missing === 0) resolve();
    return all;
  };
}

/** Stores a queued embedding, and returns how to start its job, which asks for its first steps once `ready` resolves. */
async function queued(photo: number, { steps = 40, ready = async () => {} } = {}) {
  const { records, blobs } = service.deps;
  const id = service.deps.newId();
  const original = `embeddings/${id}/original`;
  await blobs.put(original, Uint8Array.of(9));
  await records.create({
    id,
    tenant: 'default',
    state: 'queued',
    createdAt: service.deps.now().toISOString(),
    options: {
      steps,
      learningRate: 0.05,
      space: 'pn',
      pixelWeight: photo,
      styles: 16,
      coarse: 0.5,
      earlyStop: false,
    },
    attempt: 0,
    faces: detection(1).faces,
    face: 0,
    blobs: { original },
  });
  let isReady: Promise<void> | undefined;
  const start = (
    signal = new AbortController().signal,
    onRecovery?: (recovery: Recovery) => void,
  ): Promise<EmbedOutcome> =>
    embed(
      {
        records,
        blobs,
        engine,
        project: async (chunk, aborted) => {
          isReady ??= ready();
          await isReady;
          return batcher.project(chunk, aborted);
        },
        generator: { name: 'generator', hash: 'g1' },
        device: 'cpu',
        clock: () => performance.now(),
        onRecovery,
      },
      { id, attempt: 1 },
      signal,
    );
  const record = async (): Promise<EmbeddingRecord> => (await records.get(id))!;
  return { id, start, record };
}

async function latentOf({ blobs }: EmbeddingRecord): Promise<number> {
  return (await service.deps.blobs.get(blobs.latent!))!.readFloatLE(0);
}

describe('several jobs at once', () => {
  it('share engine calls, and each gets the latent that it would get alone', async () => {
    const ready = together(4);
    const jobs = await Promise.all([1, 2, 3, 4].map((photo) => queued(photo, { ready })));
    expect(await Promise.all(jobs.map(({ start }) => start()))).toEqual(jobs.map(() => 'succeeded'));
    for (const [i, { record }] of jobs.entries()) {
      const done = await record();
      expect(done).toMatchObject({ state: 'succeeded', progress: { step: 40, steps: 40 } });
      expect(done.losses).toEqual(Array.from({ length: 40 }, () => i + 1));
      expect(await latentOf(done)).toBe(40 * (i + 1));
    }
    expect(engine.batches.map(({ length }) => length)).toContain(4);
    expect(engine.batches.length).toBeLessThan(4 * 5);
  });

  it('with different numbers of steps each take all of their own', async () => {
    const jobs = [
      await queued(1, { steps: 40 }),
      await queued(2, { steps: 23 }),
      await queued(3, { steps: 7 }),
    ];
    await Promise.all(jobs.map(({ start }) => start()));
    for (const [i, steps] of [40, 23, 7].entries()) {
      const done = await jobs[i]!.record();
      expect([done.losses?.length, await latentOf(done)]).toEqual([steps, steps * (i + 1)]);
    }
  });

  it('go on when one of them is deleted, aborted or lost to NaN', async () => {
    const ready = together(4);
    const [kept, deleted, aborted, broken] = [
      await queued(1, { ready }),
      await queued(2, { ready }),
      await queued(3, { ready }),
      await queued(4, { ready }),
    ];
    const controller = new AbortController();
    engine.broken = { photo: 4, step: 12 };
    engine.onBatch = async (photos) => {
      if (photos.length < 4) return;
      controller.abort('stopping');
      await service.app.inject({ method: 'DELETE', url: `/embeddings/${deleted.id}` });
    };
    const outcomes = await Promise.allSettled([
      kept.start(),
      deleted.start(),
      aborted.start(controller.signal),
      broken.start(),
    ]);
    expect(outcomes).toEqual([
      { status: 'fulfilled', value: 'succeeded' },
      { status: 'fulfilled', value: 'abandoned' },
      { status: 'rejected', reason: 'stopping' },
      { status: 'rejected', reason: expect.objectContaining({ code: 'LATENT_DIVERGED' }) },
    ]);
    expect(await latentOf(await kept.record())).toBe(40);
    expect((await service.blobFiles()).filter((path) => path.includes(deleted.id))).toEqual([]);
  });
});

describe('an embedding that starts to go wrong', () => {
  it('is recovered and succeeds; the record, the API and the log tell what was done', async () => {
    const job = await queued(2);
    engine.fades = { photo: 2, rate: 0.03 };
    const told: Recovery[] = [];
    expect(await job.start(undefined, (recovery) => told.push(recovery))).toBe('succeeded');
    const [recovery] = told;
    expect(told).toHaveLength(1);
    expect(recovery).toMatchObject({ step: 20, cause: 'contrast' });
    expect(recovery!.learningRate).toBeCloseTo(0.02, 9);
    expect(recovery!.prior).toBeGreaterThan(0);
    const { state, recoveries, losses } = (await service.app.inject(`/embeddings/${job.id}`)).json();
    expect({ state, recoveries }).toEqual({ state: 'succeeded', recoveries: told });
    expect(losses).toHaveLength(40);
    expect(await latentOf(await job.record())).toBe(40 * 2);
  });

  it('does not hold up or change those that share its engine calls', async () => {
    const ready = together(2);
    const [wrong, sound] = [await queued(1, { ready }), await queued(2, { ready })];
    engine.fades = { photo: 1, rate: 0.03 };
    await Promise.all([wrong.start(), sound.start()]);
    expect((await wrong.record()).recoveries).toHaveLength(1);
    expect((await sound.record()).recoveries).toBeUndefined();
    expect(await latentOf(await wrong.record())).toBe(40);
    expect(await latentOf(await sound.record())).toBe(40 * 2);
  });
});

describe('an embedding that diverged', () => {
  /** Runs a job into NaN and fails its record, as the worker does. */
  async function diverged() {
    const job = await queued(2);
    engine.broken = { photo: 2, step: 17 };
    const error = await job.start().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof AppError)) throw new Error('Expected the job to fail');
    await service.deps.records.fail(job.id, 1, { code: error.code, detail: error.message });
    return job;
  }

  it('is reported with the step, and with its last good latent', async () => {
    const { id, record } = await diverged();
    const { state, error, lastGood } = (await service.app.inject(`/embeddings/${id}`)).json();
    expect({ state, error, lastGood }).toMatchObject({
      state: 'failed',
      error: {
        code: 'LATENT_DIVERGED',
        detail:
          'The projection diverged at step 17 in spite of 3 recoveries; try a smaller learningRate. The latent of step 11 is kept.',
      },
      lastGood: { step: 11, loss: 2 },
    });
    expect(await latentOf(await record())).toBe(2 * 11);
  });

  it('tells how often it was taken back, and from where it went on', async () => {
    const { id } = await diverged();
    const { recoveries } = (await service.app.inject(`/embeddings/${id}`)).json();
    expect(recoveries).toMatchObject([
      { step: 17, cause: 'not-finite', backTo: 11 },
      { step: 17, cause: 'not-finite', backTo: 11 },
      { step: 17, cause: 'not-finite', backTo: 0 },
    ]);
    const rates = recoveries.map(({ learningRate }: { learningRate: number }) => learningRate);
    for (const [i, rate] of rates.entries()) expect(rate).toBeCloseTo(0.05 * 0.4 ** (i + 1), 9);
  });

  it('cannot be morphed, and leaves nothing when it is deleted', async () => {
    const { id } = await diverged();
    const other = await storeFinished(service);
    const morph = await service.app.inject(`/morph?a=${id}&b=${other.id}`);
    expect(morph.statusCode).toBe(409);
    expect(morph.json()).toMatchObject({ code: 'EMBEDDING_NOT_READY', state: 'failed' });
    await service.app.inject({ method: 'DELETE', url: `/embeddings/${id}` });
    expect((await service.blobFiles()).filter((path) => path.includes(id))).toEqual([]);
  });
});
