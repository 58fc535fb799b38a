/** Draws latents of samples (samples.ts) from the converted models. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MODELS_DIR } from '../bench/workspace.js';
import { openSession } from '../src/engine/session.js';
import type { Graph } from '../src/models/graph/ir.js';
import { readOnnx } from '../src/models/graph/read-onnx.js';
import { writeOnnx } from '../src/models/graph/write-onnx.js';
import { latentGraph, planSample, SOURCES } from './samples.js';

export const readModel = async (name: string, dims: Record<string, number>): Promise<Graph> =>
  readOnnx(await readFile(join(MODELS_DIR, name)), { dims });

export interface LatentSource {
  /** Coordinates in P_N and latent of a sample, both [1,styles,dim]. */
  draw(seed: number, index: number): Promise<{ p: Float32Array; w: Float32Array; shape: readonly number[] }>;
  release(): Promise<void>;
}

export async function openLatents(threads: number): Promise<LatentSource> {
  const colouring = await readModel('colouring.onnx', { N: 1, L: 16 });
  const [, styles, dim] = colouring.types.get('p')!.shape as [number, number, number];
  const graph = latentGraph({
    mapping: await readModel('mapping.onnx', { N: SOURCES }),
    whitening: await readModel('whitening.onnx', { N: 1, L: SOURCES }),
    colouring,
  });
  const session = await openSession(writeOnnx(graph), { device: 'cpu', threads });
  return {
    draw: async (seed, index) => {
      const { z, mix } = planSample(seed, index, styles, dim);
      const { p, w } = await session.run({
        z: { data: z, shape: [SOURCES, dim] },
        mix: { data: mix, shape: [styles, SOURCES] },
      });
      return { p: p!.data, w: w!.data, shape: [1, styles, dim] };
    },
    release: () => session.release(),
  };
}
