/** Models of the real shapes with few channels: the same engines run unchanged on them, and a job costs a fraction of a second. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { STYLE_DIM } from '../../src/contracts.js';
import { synthesisGraph } from '../../src/models/convert/generator-graphs.js';
import type { Modulation, StyledConv, SynthesisWeights } from '../../src/models/convert/mobilestylegan.js';
import {
  LPIPS_LAYERS,
  LPIPS_OUTPUTS,
  lpipsGraph,
  VGG_LAYERS,
  type VggWeights,
  vggGraph,
} from '../../src/models/convert/vgg16.js';
import type { Graph } from '../../src/models/graph/ir.js';
import { f32, type Shape, sizeOf, type Tensor } from '../../src/models/graph/tensor.js';
import { verify } from '../../src/models/graph/verify.js';
import { type WriteOptions, writeOnnx } from '../../src/models/graph/write-onnx.js';
import { MANIFEST, MODEL_FILES, type ModelManifest } from '../../src/models/manifest.js';
import { MEASURES, measureGraph } from '../../src/models/metrics/measure-graph.js';
import { normalFrom } from '../../src/models/random.js';

type Axes = NonNullable<WriteOptions['symbolic']>;

/** Channels of every layer of the generator, and of the perceptual net. */
const CHANNELS = 8;
const BLOCKS = 7;
const VGG_CONVS = 13;
const SEED = 8;
const HAAR = [
  [0.5, 0.5, 0.5, 0.5],
  [0.5, 0.5, -0.5, -0.5],
  [0.5, -0.5, 0.5, -0.5],
  [0.5, -0.5, -0.5, 0.5],
];

/** Makes the tiny generator and perceptual net in `dir`; maps between its latents, and the face nets, stay the real ones. */
export async function tinyModels(real: string, manifest: ModelManifest, dir: string): Promise<void> {
  const vgg = tinyVgg();
  const graphs: Record<string, [Graph, Axes]> = {
    'synthesis.onnx': [synthesisGraph(tinySynthesis()), { w: BATCH, image: BATCH }],
    'vgg16.onnx': [vggGraph(vgg), VGG_AXES],
    'lpips.onnx': [lpipsGraph(vgg), { a: IMAGE, b: IMAGE, distance: BATCH }],
    'measure.onnx': [
      measureGraph(vgg),
      Object.fromEntries(['image', 'target', ...MEASURES].map((name) => [name, BATCH])),
    ],
  };
  await mkdir(dir, { recursive: true });
  const files = { ...manifest.files };
  for (const name of MODEL_FILES) {
    const made = graphs[name];
    const path = join(dir, name);
    if (made) {
      const bytes = writeOnnx(verify(made[0]), { symbolic: made[1] });
      await whole(path, bytes);
      files[name] = { ...files[name]!, sha256: sha256(bytes), bytes: bytes.length };
    } else {
      await rm(path, { force: true });
      await symlink(resolve(real, name), path);
    }
  }
  const generator = {
    ...manifest.generator,
    name: 'tiny',
    hash: sha256(await readFile(join(dir, 'synthesis.onnx'))),
  };
  await whole(join(dir, MANIFEST), JSON.stringify({ ...manifest, generator, files }));
}

const BATCH = { 0: 'N' };
const IMAGE = { 0: 'N', 2: 'H', 3: 'W' };
const VGG_AXES: Axes = {
  image: IMAGE,
  ...Object.fromEntries(
    [...Object.keys(VGG_LAYERS), ...LPIPS_OUTPUTS].map((name) => {
      const factor = 2 ** (Number(/\d/.exec(name)![0]) - 1);
      return [name, factor === 1 ? IMAGE : { 0: 'N', 2: `H/${factor}`, 3: `W/${factor}` }];
    }),
  ),
};

function tinySynthesis(): SynthesisWeights {
  const normal = normalFrom(SEED);
  const tensor = (shape: Shape, gain: number): Tensor =>
    f32(
      Float32Array.from({ length: sizeOf(shape) }, () => gain * normal()),
      shape,
    );
  /** Scales of about 1, a little different for each latent. */
  const modulation = (channels: number): Modulation => ({
    weight: tensor([channels, STYLE_DIM], 0.3 / Math.sqrt(STYLE_DIM)),
    bias: f32(new Float32Array(channels).fill(1), [1, channels]),
    scale: 1,
  });
  const styled = (inputs: number, side: number, isDense = false): StyledConv => ({
    modulation: modulation(inputs),
    ...(!isDense && { depthwise: tensor([inputs, 1, 3, 3], 0.5) }),
    weight: tensor([CHANNELS, inputs, ...(isDense ? [3, 3] : [1, 1])], 1 / Math.sqrt(inputs)),
    noise: tensor([1, 1, side, side], 0.05),
    bias: tensor([1, CHANNELS, 1, 1], 0.1),
  });
  return {
    input: tensor([1, CHANNELS, 4, 4], 1),
    conv1: styled(CHANNELS, 4, true),
    blocks: Array.from({ length: BLOCKS }, (_, i) => ({
      up: modulation(CHANNELS),
      wavelet: HAAR,
      conv1: styled(CHANNELS / 4, 8 << i),
      conv2: styled(CHANNELS, 8 << i),
    })),
    toImage: {
      modulation: modulation(CHANNELS),
      weight: tensor([12, CHANNELS, 1, 1], 0.3),
      bias: tensor([1, 12, 1, 1], 0.1),
      wavelet: HAAR,
    },
  };
}

function tinyVgg(): VggWeights {
  const normal = normalFrom(SEED + 1);
  return {
    convs: Array.from({ length: VGG_CONVS }, (_, i) => {
      const inputs = i === 0 ? 3 : CHANNELS;
      const kernel = Float32Array.from(
        { length: CHANNELS * inputs * 9 },
        () => normal() / Math.sqrt(4 * inputs),
      );
      return {
        kernel: f32(kernel, [CHANNELS, inputs, 3, 3]),
        bias: f32(new Float32Array(CHANNELS).fill(0.1), [CHANNELS]),
      };
    }),
    heads: LPIPS_LAYERS.map(() => f32(new Float32Array(CHANNELS).fill(0.1), [1, CHANNELS, 1, 1])),
  };
}

async function whole(path: string, data: Uint8Array | string): Promise<void> {
  await writeFile(`${path}.tmp`, data);
  await rename(`${path}.tmp`, path);
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
