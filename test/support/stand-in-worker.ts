/** Does the jobs of a worker without its models: real queues, records, blobs and image files, of one colour each. */
import { Worker } from 'bullmq';
import sharp from 'sharp';
import type { Examination } from '../../src/contracts.js';
import type { EmbedJob, RenderJob } from '../../src/jobs.js';
import { EMBED_QUEUE } from '../../src/queue.js';
import { renderBlob } from '../../src/store/blob-keys.js';
import { detection, type TestApp } from './app.js';

/** Steps of a projection, of which each tells of its progress and shows a preview. */
const STEPS = 4;

/** Serves both queues of the app until the returned function is called, which must be before the app is closed. */
export function standInWorker(service: TestApp): () => Promise<void> {
  service.serveRenders(async (job, { blobs }) => {
    switch (job.kind) {
      case 'detect':
        return detection(2);
      case 'faces':
        await blobs.put(job.result, Buffer.from(JSON.stringify(examination())));
        return undefined;
      case 'reconstruct':
        await blobs.put(job.image, await picture(1024, 'png'));
        return undefined;
    }
    await blobs.put(renderBlob(job.key), await rendered(job));
    return undefined;
  });
  const connection = service.redis.duplicate({ maxRetriesPerRequest: null, commandTimeout: undefined });
  const worker = new Worker<EmbedJob>(
    EMBED_QUEUE,
    ({ data, attemptsStarted }) => embed(service, data.id, attemptsStarted),
    {
      connection,
      prefix: service.deps.config.keyPrefix,
    },
  );
  return async () => {
    await worker.close();
    connection.disconnect();
  };
}

function examination(): Examination {
  const { faces, ...size } = detection(2);
  const seen = { angle: { roll: 1, yaw: -2, pitch: 3 }, sharpness: 0.2, side: 400, warnings: [] };
  return { ...size, faces: faces.map((face) => ({ ...face, ...seen })) };
}

async function embed({ deps: { records, blobs } }: TestApp, id: string, attempt: number): Promise<void> {
  if (!(await records.begin(id, attempt))) return;
  const record = await records.get(id);
  const keys = Object.fromEntries(
    ['aligned', 'preview', 'reconstruction', 'latent'].map((kind) => [kind, `embeddings/${id}/${kind}`]),
  );
  for (const [kind, key] of Object.entries(keys))
    await blobs.put(
      key,
      kind === 'latent' ? new Uint8Array(new Float32Array(16 * 512).buffer) : await picture(256, 'jpeg'),
    );
  for (let step = 1; step <= STEPS; step++) {
    const progress = { step, steps: STEPS, loss: 100 / step, secondsLeft: STEPS - step };
    await records.progress(id, attempt, { progress, blobs: { ...record?.blobs, preview: keys.preview } });
  }
  await records.succeed(id, attempt, {
    latentHash: `latent of ${id}`,
    generator: { name: 'generator', hash: 'g1' },
    quality: { loss: 25, lpips: 0.2 },
    device: 'cpu',
    seconds: 0.1,
    blobs: { ...record?.blobs, ...keys },
  });
}

async function rendered(
  job: Exclude<RenderJob, { kind: 'detect' | 'faces' | 'reconstruct' }>,
): Promise<Uint8Array> {
  switch (job.kind) {
    case 'smoothness':
      return Buffer.from(JSON.stringify({ ppl: 1.5e9, samples: 8, epsilon: 1e-4 }));
    case 'pace':
      return Buffer.from(JSON.stringify([0, 0.25, 0.5, 0.75, 1]));
    case 'grid':
      return picture(job.cell, job.format);
    default:
      return picture(job.size, job.format, 'lambda' in job ? job.lambda : 0.5);
  }
}

/** A square of one grey. */
const picture = (
  side: number,
  format: 'jpeg' | 'png' | 'webp' | 'avif' | 'gif',
  level = 0.5,
): Promise<Buffer> =>
  sharp({ create: { width: side, height: side, channels: 3, background: grey(level) } })
    .toFormat(format)
    .toBuffer();

const grey = (level: number) => ({ r: Math.round(255 * level), g: 128, b: 128 });
