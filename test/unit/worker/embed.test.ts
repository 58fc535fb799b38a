import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EmbeddingRecord, Face, Measurement } from '../../../src/contracts.js';
import type { EngineCalls, EngineMethod, ProjectChunk } from '../../../src/engine/protocol.js';
import { FileBlobStore } from '../../../src/store/blobs.js';
import type { RecordPatch } from '../../../src/store/records.js';
import { Batcher } from '../../../src/worker/batcher.js';
import { embed } from '../../../src/worker/embed.js';
import type { Engine } from '../../../src/worker/engine-client.js';

const id = 'emb_aaaaaaaaaaaaaaaaaaaa';
const face: Face = { box: { x: 1, y: 2, width: 3, height: 4 }, score: 0.9, landmarks: [[5, 6]] };
const latent = (styles: number, value: number): Float32Array => new Float32Array(styles * 512).fill(value);

const quality: Measurement = {
  loss: 0.01,
  lpips: 0.2,
  losses: { conv1_1: 1, conv1_2: 2, conv3_2: 3, conv4_2: 4, pixel: 5 },
  mse: 0.01,
  psnr: 20,
  msSsim: 0.8,
  identity: 0.3,
  pn: { mean: 2, max: 3, perStyle: [2] },
  verdict: 'good',
  reasons: [],
  warnings: [{ code: 'TINY', text: 'The face is small.' }],
};

/** An engine of plain arithmetic: every step halves the loss and moves the latent by its learning rate. */
class SmallEngine implements Engine {
  readonly calls: EngineMethod[] = [];
  readonly chunks: ProjectChunk[] = [];
  finished: EngineCalls['finish']['in'] | undefined;
  faces: Face[] = [face];
  onChunk: (chunk: ProjectChunk) => void = () => undefined;
  loss = (step: number): number => 2 ** -step;

  async call<M extends EngineMethod>(
    method: M,
    params: EngineCalls[M]['in'],
  ): Promise<EngineCalls[M]['out']> {
    this.calls.push(method);
    const answer = this.answer(method, params as never);
    return answer as EngineCalls[M]['out'];
  }

  private answer(method: EngineMethod, params: never): unknown {
    switch (method) {
      case 'detect':
        return { width: 8, height: 9, faces: this.faces };
      case 'align':
        return {
          aligned: Uint8Array.of(1),
          target: new Float32Array(3),
          quad: [
            [0, 0],
            [0, 1],
            [1, 1],
            [1, 0],
          ],
        };
      case 'start':
        return { latent: latent((params as EngineCalls['start']['in']).styles, 0) };
      case 'project': {
        const [chunk] = params as [ProjectChunk];
        this.chunks.push(chunk);
        this.onChunk(chunk);
        const moved = chunk.learningRates.reduce((sum, rate) => sum + rate, 0);
        const result = {
          latent: chunk.latent.map((value) => value + moved),
          m: chunk.m,
          v: chunk.v,
          losses: chunk.learningRates.map((_, i) => this.loss(chunk.step + i)),
          contrast: 1,
          preview: Uint8Array.of(2, chunk.step),
        };
        return [result];
      }
      case 'finish':
        this.finished = params;
        return { latent: latent(16, 1.5), reconstruction: Uint8Array.of(3), quality };
      default:
        throw new Error(`unexpected ${method}`);
    }
  }
}

/** One record with the fence of the real store. */
class OneRecord {
  patches: RecordPatch[] = [];
  cancelled = false;
  constructor(public record: EmbeddingRecord) {}
  get = async () => (this.cancelled ? undefined : this.record);
  begin = async (_: string, attempt: number) => {
    if (this.cancelled || attempt <= this.record.attempt) return false;
    this.record = { ...this.record, state: 'running', attempt };
    return true;
  };
  progress = async (_: string, attempt: number, patch: RecordPatch) => {
    if (this.cancelled || attempt !== this.record.attempt) return false;
    this.record = { ...this.record, ...patch };
    this.patches.push(patch);
    return true;
  };
  succeed = async (_: string, attempt: number, patch: RecordPatch) => {
    const taken = await this.progress(_, attempt, patch);
    if (taken) this.record = { ...this.record, state: 'succeeded' };
    return taken;
  };
}

describe('embed', () => {
  let dir: string;
  let blobs: FileBlobStore;
  let records: OneRecord;
  let engine: SmallEngine;
  let now: number;
  const signal = new AbortController().signal;
  const options = {
    steps: 27,
    learningRate: 0.1,
    space: 'pn' as const,
    pixelWeight: 0,
    styles: 16,
    coarse: 0.5,
  };

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'embed-'));
    blobs = new FileBlobStore(dir);
    await blobs.put(`embeddings/${id}/original`, Uint8Array.of(9));
    records = new OneRecord({
      id,
      tenant: 'default',
      state: 'queued',
      createdAt: '2026-01-01T00:00:00.000Z',
      options,
      attempt: 0,
      faces: [face],
      face: 0,
      blobs: { original: `embeddings/${id}/original` },
    });
    engine = new SmallEngine();
    now = 0;
    engine.onChunk = (chunk) => {
      now += chunk.learningRates.length * 500;
    };
  });
  afterEach(() => rm(dir, { recursive: true }));

  const run = (attempt = 1, abort: AbortSignal = signal) =>
    embed(
      {
        records,
        blobs,
        engine,
        project: (chunk, aborted) => new Batcher(engine, { limit: 1 }).project(chunk, aborted),
        generator: { name: 'g', hash: 'h' },
        device: 'cpu',
        clock: () => now,
      },
      { id, attempt },
      abort,
    );

  it('projects in a short chunk and longer ones, carries the state over, and stores every result', async () => {
    expect(await run()).toBe('succeeded');
    expect(engine.calls.slice(0, 3)).toEqual(['align', 'start', 'project']);
    expect(engine.chunks.map(({ step, learningRates }) => [step, learningRates.length])).toEqual([
      [0, 1],
      [1, 10],
      [11, 2],
      [13, 10],
      [23, 4],
    ]);
    expect(engine.chunks[1]!.latent[0]).toBeGreaterThan(0);

    const { record } = records;
    expect(record).toMatchObject({ state: 'succeeded', seconds: 13.5 });
    expect(record.quality).toEqual({ ...quality, steps: 27, seconds: 13.5, device: 'cpu' });
    expect(record.progress).toEqual({
      step: 27,
      steps: 27,
      loss: Number((2 ** -26).toPrecision(7)),
      secondsLeft: 0,
    });
    expect(record.losses).toHaveLength(27);
    expect(record.generator).toEqual({ name: 'g', hash: 'h' });
    const stored = (await blobs.get(record.blobs.latent!))!;
    expect(stored.byteLength).toBe(16 * 512 * 4);
    expect(stored.readFloatLE(4)).toBe(1.5);
    expect(record.latentHash).toBe(createHash('sha256').update(stored).digest('hex'));
    expect(await blobs.get(record.blobs.preview!)).toEqual(Buffer.of(2, 23));
    expect(await blobs.has(record.blobs.original!)).toBe(true);
  });

  it('reports the time left from the measured time of a step', async () => {
    await run();
    expect(records.patches[1]!.progress).toMatchObject({ step: 1, secondsLeft: 13 });
    expect(records.patches[2]!.progress).toMatchObject({ step: 11, secondsLeft: 8 });
  });

  it('hands the measures what is known of the photo', async () => {
    records.record = { ...records.record, width: 30, height: 20 };
    await run();
    expect(engine.finished?.photo).toMatchObject({ landmarks: [[5, 6]], width: 30, height: 20 });
    expect(engine.finished?.photo.aligned).toEqual(Uint8Array.of(1));
  });

  it('finds the faces itself when the record has none', async () => {
    records.record = { ...records.record, faces: undefined, face: undefined };
    await run();
    expect(engine.finished?.photo).toMatchObject({ width: 8, height: 9 });
    expect(engine.calls[0]).toBe('detect');
    expect(records.record).toMatchObject({ width: 8, height: 9, faces: [face], face: 0 });
  });

  it('takes the face that was wanted when nobody had looked yet, if the photo has it', async () => {
    engine.faces = [face, { ...face, landmarks: [[7, 8]] }];
    records.record = { ...records.record, faces: undefined, face: 1 };
    await run();
    expect(engine.finished?.photo.landmarks).toEqual([[7, 8]]);
    expect(records.record).toMatchObject({ faces: engine.faces, face: 1 });
  });

  it('refuses a wanted face that the photo does not have', async () => {
    records.record = { ...records.record, faces: undefined, face: 1 };
    await expect(run()).rejects.toMatchObject({ code: 'FACE_INDEX_UNKNOWN', retryable: false });
  });

  it('stops after the chunk in which the embedding was deleted, and deletes its own blobs', async () => {
    engine.onChunk = ({ step }) => {
      records.cancelled = step === 1;
    };
    expect(await run()).toBe('abandoned');
    expect(engine.chunks).toHaveLength(2);
    expect(await blobs.has(`embeddings/${id}/1/preview.jpg`)).toBe(false);
    expect(await blobs.has(`embeddings/${id}/1/aligned.png`)).toBe(false);
    expect(await blobs.has(`embeddings/${id}/original`)).toBe(true);
  });

  it('does nothing for a late delivery of an older attempt', async () => {
    records.record = { ...records.record, attempt: 3 };
    expect(await run(2)).toBe('abandoned');
    expect(engine.calls).toEqual([]);
  });

  it('deletes what a crashed attempt left behind', async () => {
    await blobs.put(`embeddings/${id}/1/aligned.png`, Uint8Array.of(1));
    records.record = { ...records.record, attempt: 1, state: 'running' };
    expect(await run(2)).toBe('succeeded');
    expect(await blobs.has(`embeddings/${id}/1/aligned.png`)).toBe(false);
    expect(records.record.blobs.aligned).toBe(`embeddings/${id}/2/aligned.png`);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    'fails with LATENT_DIVERGED when a loss is %s, and keeps the last latent with a finite loss, written out to W+',
    async (bad) => {
      records.record = { ...records.record, options: { ...options, styles: 2 } };
      engine.loss = (step) => (step === 7 ? bad : 8 - step);
      await expect(run()).rejects.toMatchObject({
        code: 'LATENT_DIVERGED',
        retryable: false,
        detail:
          'The projection diverged at step 7 in spite of 3 recoveries; try a smaller learningRate. The latent of step 1 is kept.',
      });
      const { record } = records;
      expect(record.lastGood).toEqual({ step: 1, loss: 7 });
      expect(record.losses).toEqual([8, 7, 6, 5, 4, 3, 2]);
      expect(record.latentHash).toBeUndefined();
      const kept = (await blobs.get(record.blobs.latent!))!;
      expect(kept.byteLength).toBe(16 * 512 * 4);
      expect(kept.readFloatLE(kept.byteLength - 4)).toBe(engine.chunks[1]!.latent[0]);
    },
  );

  it('keeps no latent when the start has no finite loss', async () => {
    engine.loss = () => Number.NaN;
    await expect(run()).rejects.toMatchObject({
      detail: 'The projection diverged at step 0; try a smaller learningRate.',
    });
    expect(records.record.lastGood).toBeUndefined();
    expect(records.record.blobs.latent).toBeUndefined();
  });

  it('keeps nothing of a projection that diverged after the embedding was deleted', async () => {
    engine.loss = (step) => (step === 7 ? Number.NaN : 1);
    engine.onChunk = ({ step }) => {
      records.cancelled = step === 1;
    };
    expect(await run()).toBe('abandoned');
    expect(await blobs.has(`embeddings/${id}/1/latent.f32`)).toBe(false);
  });

  it('says where it stopped when the last steps would not have paid', async () => {
    records.record = { ...records.record, options: { ...options, steps: 200 } };
    engine.loss = () => 7;
    expect(await run()).toBe('succeeded');
    const { stoppedAt, losses, progress } = records.record;
    expect(stoppedAt).toBeGreaterThan(150);
    expect(stoppedAt).toBeLessThan(200);
    expect(losses).toHaveLength(stoppedAt!);
    expect(progress).toEqual({ step: stoppedAt, steps: stoppedAt, loss: 7, secondsLeft: 0 });
  });

  it('rejects with the reason of an abort without waiting for the engine', async () => {
    const controller = new AbortController();
    engine.onChunk = () => controller.abort('stopping');
    await expect(run(1, controller.signal)).rejects.toBe('stopping');
    expect(engine.chunks).toHaveLength(1);
    expect(records.record.state).toBe('running');
  });

  it('fails for good when the photo is gone', async () => {
    await blobs.delete(`embeddings/${id}/original`);
    await expect(run()).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
  });
});
