/** Embeds photos as the service does, without it: its own job, on an engine process of its own, with records and blobs in memory. */
import {
  DEFAULT_TENANT,
  type EmbeddingOptions,
  type EmbeddingRecord,
  type Face,
  type Quality,
} from '../../contracts.js';
import type { EngineCalls, EngineInfo, EngineMethod } from '../../engine/protocol.js';
import { AppError } from '../../errors.js';
import type { GeneratorName } from '../../latent-files/latent-file.js';
import { embed } from '../../worker/embed.js';
import { EngineClient } from '../../worker/engine-client.js';
import { MemoryBlobs } from './memory-blobs.js';

/** A photo as the API stores it. */
export interface UprightPhoto {
  /** Upright JPEG. */
  bytes: Uint8Array;
  /** The face that is to be embedded, or its place in the list that is found; the largest where nothing is said. */
  face?: Face | number;
  width?: number;
  height?: number;
}

/** A photo of which the face is known. */
export type KnownFace = Required<UprightPhoto> & { face: Face };

/** What a job left. */
export interface JobResult {
  /** False: it diverged, and what it left is of its last good latent. */
  ended: boolean;
  seconds: number;
  /** Seconds from the aligned face to the first preview. */
  firstPreview: number;
  /** Adam steps taken. */
  steps: number;
  /** Undefined for a job that diverged. */
  quality: Quality | undefined;
  /** Loss before each step. */
  losses: number[];
  /** JPEG 256 px, and the steps taken when it was shown; the first is what a client sees first. */
  previews: { step: number; image: Uint8Array }[];
  /** W+ [16,512] as raw float32; of the last good step where the job diverged. */
  latent: Uint8Array | undefined;
  /** PNG 1024 px, both. */
  aligned: Uint8Array | undefined;
  reconstruction: Uint8Array | undefined;
  /** Whose W+ it is. */
  generator: GeneratorName;
}

export interface JobProgress {
  step: number;
  steps: number;
  loss: number;
}

const ID = 'emb_aaaaaaaaaaaaaaaaaaaa';

export class EmbedAlone {
  readonly #engine: EngineClient;
  #warm: Promise<EngineInfo> | undefined;

  /** The engine process starts with the first job; it reads models, device and threads from the environment. */
  constructor() {
    this.#engine = new EngineClient();
  }

  call<M extends EngineMethod>(method: M, params: EngineCalls[M]['in']): Promise<EngineCalls[M]['out']> {
    return this.#engine.call(method, params);
  }

  /** Rejects with the `AppError` of a job that failed for another reason than divergence. */
  async embed(
    photo: UprightPhoto,
    options: EmbeddingOptions,
    onProgress: (progress: JobProgress) => void,
  ): Promise<JobResult> {
    this.#warm ??= this.call('warm', { role: 'embed' });
    const { generator, device } = await this.#warm;
    const blobs = new MemoryBlobs();
    const previews: JobResult['previews'] = [];
    let aligned = 0;
    let firstPreview: number | undefined;
    const record = new MemoryRecord(photo, options, (progress) => {
      firstPreview ??= (performance.now() - aligned) / 1000;
      // A preview is stored before the progress it belongs to, and shows the image before the latest step.
      const image = blobs.read(record.value.blobs.preview);
      if (image) previews.push({ step: Math.max(0, progress.step - 1), image });
      onProgress(progress);
    });
    await blobs.put('original', photo.bytes);
    const begun = performance.now();
    const deps = {
      records: record,
      blobs,
      engine: {
        call: async <M extends EngineMethod>(method: M, params: EngineCalls[M]['in']) => {
          const result = await this.call(method, params);
          if (method === 'align') aligned = performance.now();
          return result;
        },
      },
      project: async (chunk: EngineCalls['project']['in'][number]) =>
        (await this.call('project', [chunk]))[0]!,
      generator,
      device,
      clock: () => performance.now(),
    };
    const ended = await embed(deps, { id: ID, attempt: 1 }, new AbortController().signal)
      .then((outcome) => {
        if (outcome !== 'succeeded') throw new Error(`Expected the job to succeed but it was ${outcome}`);
        return true;
      })
      .catch((error: unknown) => {
        if (error instanceof AppError && error.code === 'LATENT_DIVERGED') return false;
        throw error;
      });
    const { quality, losses = [], seconds, blobs: keys } = record.value;
    return {
      ended,
      seconds: seconds ?? (performance.now() - begun) / 1000,
      firstPreview: firstPreview ?? Number.NaN,
      steps: losses.length,
      quality,
      losses,
      previews,
      latent: blobs.read(keys.latent),
      aligned: blobs.read(keys.aligned),
      reconstruction: blobs.read(keys.reconstruction),
      generator,
    };
  }

  close(): Promise<void> {
    return this.#engine.close();
  }
}

/** One record, without fences: nobody else writes it. */
class MemoryRecord {
  value: EmbeddingRecord;

  constructor(
    { face = 0, width, height }: UprightPhoto,
    options: EmbeddingOptions,
    private readonly onProgress: (progress: JobProgress) => void,
  ) {
    this.value = {
      id: ID,
      tenant: DEFAULT_TENANT,
      state: 'queued',
      createdAt: new Date().toISOString(),
      options,
      attempt: 0,
      width,
      height,
      ...(typeof face === 'number' ? { face } : { faces: [face], face: 0 }),
      blobs: { original: 'original' },
    };
  }

  get = async (): Promise<EmbeddingRecord> => this.value;
  begin = (): Promise<boolean> => this.write({ state: 'running' });
  progress = async (_id: string, _attempt: number, patch: Partial<EmbeddingRecord>): Promise<boolean> => {
    await this.write(patch);
    if (patch.progress) this.onProgress(patch.progress);
    return true;
  };
  succeed = (_id: string, _attempt: number, patch: Partial<EmbeddingRecord>): Promise<boolean> =>
    this.write({ ...patch, state: 'succeeded' });

  private async write(patch: Partial<EmbeddingRecord>): Promise<boolean> {
    this.value = { ...this.value, ...patch };
    return true;
  }
}
