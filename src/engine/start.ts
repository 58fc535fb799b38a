/** Starts of projections: the encoder's guess, or the average latent. */
import { join } from 'node:path';
import { averageStart, seeded, tied } from '../models/stylegan/start.js';
import type { EngineOptions } from './generator.js';
import type { EngineCalls } from './protocol.js';
import { openSession } from './session.js';
import { TARGET_SIZE } from './step-model.js';

export async function startLatent(
  options: EngineOptions,
  { start, target, styles, seed }: EngineCalls['start']['in'],
): Promise<EngineCalls['start']['out']> {
  const { averageLatent, latentStd, generator } = options.manifest;
  const latent =
    start === 'encoder'
      ? tied(await encode(options, target), generator.styleDim, styles)
      : averageStart(averageLatent, styles);
  return { latent: seeded(latent, latentStd, seed) };
}

/** W+ [styles,dim] of an image [3,256,256]. The session is closed again: a photo needs it once, and its net is large. */
async function encode({ modelsDir, session }: EngineOptions, image: Float32Array): Promise<Float32Array> {
  const encoder = await openSession(join(modelsDir, 'encoder.onnx'), { ...session, device: 'cpu' });
  try {
    const { w } = await encoder.run({ image: { data: image, shape: [1, 3, TARGET_SIZE, TARGET_SIZE] } });
    return w!.data;
  } finally {
    await encoder.release();
  }
}
