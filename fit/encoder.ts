/** `npm run fit:encoder`: fits the closed-form start on samples of the generator and writes assets/encoder.*. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { integerOption } from '../bench/arguments.js';
import { progress } from '../bench/progress.js';
import { CACHE, MODELS_DIR, models, say } from '../bench/workspace.js';
import { FEATURE_BLOCKS } from '../src/models/encoder/features.js';
import { assetsFolder, dequantised, type EncoderInfo, pack, quantise } from '../src/models/encoder/weights.js';
import { readOnnx } from '../src/models/graph/read-onnx.js';
import { centre, featuresOf, principalChannels } from './dataset.js';
import { type Matrix, matrix, Products } from './products.js';
import { explained, ridge } from './regression.js';
import { drawSamples, readSample } from './sampler.js';

const USAGE = `Usage: npm run fit:encoder [-- OPTIONS]

  --samples N    samples of the generator (default 2000); kept in .cache/bench/encoder
  --seed N       seed of their latents (default 1)
  --threads N    threads (default 2)`;

/** Channels kept of each block of features; 0 keeps all. */
const KEPT = [64, 96, 96, 0];
/** Weights of the blocks, each scaled to features of mean squared length 1 before. */
const WEIGHTS = [1, 1, 1, 0.5];
const RANK = 200;
const LAMBDA = 1;
/** Share of the samples that is not fitted on, but predicted. */
const HELD_OUT = 0.1;

interface Options {
  samples: number;
  seed: number;
  threads: number;
}

async function main({ samples, seed, threads }: Options): Promise<void> {
  const { generator } = await models();
  const folder = join(CACHE, 'encoder', `${generator.hash.slice(0, 12)}-${seed}`);
  const bar = progress('samples', samples);
  await drawSamples(folder, { count: samples, seed, threads }, (index) => bar.tick(`sample ${index}`));
  bar.stop();

  const latents = generator.styles * generator.styleDim;
  const read = (index: number) => readSample(folder, index, latents);
  const fitted = samples - Math.max(1, Math.round(HELD_OUT * samples));
  const products = await Products.open(threads);
  say('Reading the features ...');
  const channels = await principalChannels(products, read, fitted, KEPT);
  // As they will be when they are read back.
  const kept = channels.map((m) => m && quantise(m.data, m.rows));
  const rounded = kept.map((q) => q && matrix(q.rows, q.columns, dequantised(q)));
  const features = await featuresOf(products, read, samples, rounded);
  const featureMean = centre(features, fitted);
  const scales = scaleBlocks(features, fitted);
  const x = await latentsOf(products, read, samples, generator);
  const latentMean = centre(x, fitted);

  say(`Fitting on ${fitted} samples ...`);
  const rows = (m: Matrix, from: number, to: number) =>
    matrix(to - from, m.columns, m.data.subarray(from * m.columns, to * m.columns));
  const { encode, decode } = await ridge(products, rows(features, 0, fitted), rows(x, 0, fitted), {
    lambda: LAMBDA,
    rank: RANK,
  });
  // The features come unscaled and with their mean.
  for (let i = 0; i < encode.data.length; i++) encode.data[i]! *= scales[i % encode.columns]!;
  const weights = { encode: quantise(encode.data, RANK), decode: quantise(decode.data, latents) };
  const [encoding, decoding] = [weights.encode, weights.decode].map((q) =>
    matrix(q.rows, q.columns, dequantised(q)),
  ) as [Matrix, Matrix];
  const predict = async (m: Matrix): Promise<Matrix> =>
    products.timesTransposed(await products.timesTransposed(m, encoding), decoding);
  const atMean = await predict(matrix(1, featureMean.length, featureMean));
  const offset = latentMean.map((mean, i) => mean - atMean.data[i]!);

  const unseen = rows(features, fitted, samples);
  const plain = matrix(unseen.rows, unseen.columns, unseen.data.slice());
  for (let i = 0; i < plain.data.length; i++) plain.data[i]! /= scales[i % plain.columns]!;
  const r2 = explained(await predict(plain), rows(x, fitted, samples), generator.styles);

  const file = pack({ channels: kept, ...weights, offset });
  const info: EncoderInfo = {
    command: `npm run fit:encoder -- --samples ${samples} --seed ${seed}`,
    generator: generator.hash,
    sha256: createHash('sha256').update(file).digest('hex'),
    kept: KEPT,
    rank: RANK,
    latents,
    fit: { samples, seed, lambda: LAMBDA, heldOut: samples - fitted, r2: r2.map((v) => Number(v.toFixed(4))) },
  };
  const assets = assetsFolder();
  await mkdir(assets, { recursive: true });
  await writeFile(join(assets, 'encoder.bin'), file);
  await writeFile(join(assets, 'encoder.json'), `${JSON.stringify(info, null, 2)}\n`);
  console.log(`R2 on ${samples - fitted} unseen samples by style: ${r2.map((v) => v.toFixed(2)).join(' ')}`);
  console.log(`${(file.length / 2 ** 20).toFixed(2)} MiB in ${assets}`);
}

/** Brings every block of centred features to its weight as root mean squared length; returns the factor of each place. */
function scaleBlocks(features: Matrix, fitted: number): Float32Array {
  const scales = new Float32Array(features.columns);
  let at = 0;
  for (const [i, { channels, cells }] of FEATURE_BLOCKS.entries()) {
    const places = (KEPT[i] || channels) * cells;
    let sum = 0;
    for (let row = 0; row < fitted; row++) {
      const start = row * features.columns + at;
      for (const value of features.data.subarray(start, start + places)) sum += value * value;
    }
    scales.fill(WEIGHTS[i]! / Math.sqrt(sum / fitted), at, at + places);
    at += places;
  }
  for (let i = 0; i < features.data.length; i++) features.data[i]! *= scales[i % features.columns]!;
  return scales;
}

/** x [samples, styles * dim] of the samples: the colouring of their P_N coordinates. */
async function latentsOf(
  products: Products,
  read: (index: number) => Promise<{ p: Float32Array }>,
  samples: number,
  { styles, styleDim }: { styles: number; styleDim: number },
): Promise<Matrix> {
  const colouring = readOnnx(await readFile(join(MODELS_DIR, 'colouring.onnx')), { dims: { N: 1, L: styles } });
  const factor = colouring.constants.get('colouring')!.data as Float32Array;
  const mean = colouring.constants.get('mean')!.data as Float32Array;
  const p = matrix(samples * styles, styleDim);
  for (let i = 0; i < samples; i++) p.data.set((await read(i)).p, i * styles * styleDim);
  const x = await products.times(p, matrix(styleDim, styleDim, factor));
  return matrix(samples, styles * styleDim, x.data.map((value, i) => value + mean[i % styleDim]!));
}

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(USAGE);
else
  await main({
    samples: integerOption('samples', values.samples, 20),
    seed: integerOption('seed', values.seed, 0),
    threads: integerOption('threads', values.threads),
  });
