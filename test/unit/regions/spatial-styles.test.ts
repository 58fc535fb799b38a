/** The synthesis of two latents, on a generator of two layers: each place has the style that the mask says. */
import { expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/models/graph/builder.js';
import type { Graph, Value } from '../../../src/models/graph/ir.js';
import { f32, i64 } from '../../../src/models/graph/tensor.js';
import { MASK_SIDE } from '../../../src/models/regions/map.js';
import { spatialStyles } from '../../../src/models/regions/spatial-styles.js';
import { compile, uniform } from '../../support/run-graph.js';

const [STYLES, DIM, CHANNELS, COARSE, FINE] = [2, 3, 4, 8, 128];
const PLANE = MASK_SIDE * MASK_SIDE;
/** Pixels of the image along one place of a mask. */
const ZOOM = FINE / MASK_SIDE;

/** A coarse layer, enlarged, and a fine one; style 0 and style 1. */
function synthesis(batch: number, { styled = STYLES } = {}): Graph {
  const b = new GraphBuilder('synthesis');
  const w = b.input('w', 'float32', [batch, STYLES, DIM]);
  const scale = (style: number): Value => {
    const own = b.op('Gather', [w, b.constant(i64([style], []))], { axis: 1 });
    const matrix = b.constant(f32(uniform(CHANNELS * DIM, 10 + style), [CHANNELS, DIM]));
    const offset = b.constant(f32(uniform(CHANNELS, 20 + style), [CHANNELS]));
    return b.op('Reshape', [b.op('Gemm', [own, matrix, offset], { transB: 1 }), b.ints([0, -1, 1, 1])]);
  };
  const shape = [1, CHANNELS, COARSE, COARSE];
  const input = b.constant(f32(uniform(CHANNELS * COARSE * COARSE, 1), shape));
  let x = b.op('Mul', [input, scale(0)]);
  const zoom = FINE / COARSE;
  x = b.op(
    'ConvTranspose',
    [x, b.constant(f32(new Float32Array(CHANNELS * zoom * zoom).fill(1), [CHANNELS, 1, zoom, zoom]))],
    {
      group: CHANNELS,
      kernel_shape: [zoom, zoom],
      strides: [zoom, zoom],
    },
  );
  if (styled === STYLES) x = b.op('Mul', [x, scale(1)]);
  b.output(x, 'image');
  return b.build();
}

const [a, b] = [uniform(STYLES * DIM, 3), uniform(STYLES * DIM, 4)];
/** [STYLES,MASK_SIDE,MASK_SIDE] */
const maskOf = (weight: (style: number, x: number, y: number) => number): Float32Array =>
  Float32Array.from({ length: STYLES * PLANE }, (_, i) =>
    weight(Math.floor(i / PLANE), i % MASK_SIDE, Math.floor((i % PLANE) / MASK_SIDE)),
  );

async function plain(w: Float32Array): Promise<Float32Array> {
  const { run, release } = await compile(synthesis(1));
  const { image } = await run({ w });
  await release();
  return image!;
}

async function mixed(mask: Float32Array): Promise<Float32Array> {
  const { run, release } = await compile(spatialStyles(synthesis(2)));
  const { image } = await run({ w: [...a, ...b], mask });
  await release();
  return image!;
}

/** A test that fails on arrays of this size would take minutes to print them. */
const furthest = (x: Float32Array, y: Float32Array): number =>
  x.reduce((most, value, i) => Math.max(most, Math.abs(value - y[i]!)), 0);

/** Value of channel 1 at a pixel. */
const at = (image: Float32Array, x: number, y: number): number => image[(FINE + y) * FINE + x]!;

test('under a mask of 0 it is the image of a, under one of 1 that of b', async () => {
  expect(furthest(await mixed(maskOf(() => 0)), await plain(a))).toBe(0);
  expect(furthest(await mixed(maskOf(() => 1)), await plain(b))).toBe(0);
});

test('half of everything is the image half-way, as scales are linear in w', async () => {
  const half = a.map((x, i) => (x + b[i]!) / 2);
  // The two layers mix their scales alike, and the halves of each meet at every place.
  const [image, expected] = [await mixed(maskOf(() => 0.5)), await plain(half)];
  expect(furthest(image, expected)).toBeLessThan(1e-5);
});

test('each place has the style of its own latent, and each style its own mask', async () => {
  // Style 0 of b on the left, style 1 of b above.
  const image = await mixed(
    maskOf((style, x, y) => Number(style === 0 ? x < MASK_SIDE / 2 : y < MASK_SIDE / 2)),
  );
  const crossed = (first: Float32Array, second: Float32Array) =>
    plain(Float32Array.from([...first.subarray(0, DIM), ...second.subarray(DIM)]));
  const [low, high] = [5 * ZOOM, (MASK_SIDE - 5) * ZOOM];
  expect(at(image, low, low)).toBeCloseTo(at(await plain(b), low, low), 6);
  expect(at(image, high, low)).toBeCloseTo(at(await crossed(a, b), high, low), 6);
  expect(at(image, low, high)).toBeCloseTo(at(await crossed(b, a), low, high), 6);
  expect(at(image, high, high)).toBeCloseTo(at(await plain(a), high, high), 6);
});

test('a coarse layer takes the mean of its cell, a fine one what lies between', async () => {
  // A quarter of the first coarse cell, which 8 x 8 places of the mask make up.
  const part = maskOf((style, x, y) => Number(style === 0 && x < 4 && y < 4));
  const quarter = maskOf((style, x, y) => (style === 0 && x < 8 && y < 8 ? 0.25 : 0));
  expect(at(await mixed(part), 0, 0)).toBeCloseTo(at(await mixed(quarter), 0, 0), 6);
  // Between the last place of b and the first of a: a quarter of the way at the nearer pixel.
  const edge = await mixed(maskOf((style, x) => Number(style === 1 && x < 10)));
  const [ofA, ofB] = [
    await plain(a),
    await plain(Float32Array.from([...a.subarray(0, DIM), ...b.subarray(DIM)])),
  ];
  const x = 10 * ZOOM - 1;
  expect(at(edge, x, 50)).toBeCloseTo(0.75 * at(ofB, x, 50) + 0.25 * at(ofA, x, 50), 5);
});

test('refuses a synthesis of another batch, and one with a style that feeds nothing', () => {
  expect(() => spatialStyles(synthesis(1))).toThrow(
    'Expected the synthesis of a batch of 2 but received one of 1',
  );
  expect(() => spatialStyles(synthesis(2, { styled: 1 }))).toThrow(
    'Expected 2 styles that feed a product but found 1',
  );
});
