import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/models/graph/builder.js';
import { gradients } from '../../../src/models/graph/gradient.js';
import { f32, sizeOf } from '../../../src/models/graph/tensor.js';
import { reduceImage } from '../../../src/models/stylegan/loss.js';
import { compile, uniform } from '../../support/run-graph.js';

const picture = Float32Array.from({ length: 64 }, (_, at) => {
  const [i, j] = [Math.floor(at / 8), at % 8];
  return (7 * i * i + 3 * i * j + j) % 11;
});

/** PyTorch 2.13, float64: `interpolate(picture, size, mode='bilinear', antialias=True, align_corners=False)`. */
const PYTORCH: Readonly<Record<number, number[]>> = {
  3: [3.48407, 4.28947, 4.84349, 5.66479, 5.47846, 3.27632, 5.17036, 4.40038, 3.16136],
  7: [
    1.11111, 1.25, 2.91667, 3.66667, 4.41667, 6.08333, 6.22222, 5.69444, 1.89815, 6.08025, 4.08333, 3.9537,
    7.11728, 2.47222, 6.30556, 5.02469, 6.73148, 3.58333, 4.54321, 4.00926, 0.86111, 5.08333, 5.63889,
    6.19444, 6.75, 3.94444, 2.36111, 2.91667, 6.40741, 5.06481, 6.70988, 6.86111, 4.39815, 4.37963, 3.03704,
    9.36111, 5.95062, 3.89815, 5.13889, 6.37963, 4.32716, 0.91667, 3.25, 2.69444, 2.13889, 2.5, 2.86111,
    2.30556, 1.75,
  ],
};

async function reduced(shape: [number, number, number, number], image: Float32Array, size: number) {
  const b = new GraphBuilder('reduce');
  b.output(reduceImage(b, b.input('image', 'float32', shape), size), 'out');
  const { run, release } = await compile(b.build());
  const { out } = await run({ image });
  await release();
  return [...out!];
}

describe('reduceImage', () => {
  it.each([3, 7])('to a side of %i that divides nothing is what PyTorch does', async (size) => {
    const ours = await reduced([1, 1, 8, 8], picture, size);
    const largest = Math.max(...ours.map((x, i) => Math.abs(x - PYTORCH[size]![i]!)));
    expect(ours).toHaveLength(size * size);
    expect(largest).toBeLessThan(2e-5);
  });

  it('to a whole fraction is the mean of squares', async () => {
    const ours = await reduced([1, 1, 8, 8], picture, 4);
    const first = (picture[0]! + picture[1]! + picture[8]! + picture[9]!) / 4;
    expect(ours[0]).toBeCloseTo(first, 5);
    expect(ours).toHaveLength(16);
  });

  it('keeps the photos and channels of a batch apart', async () => {
    const batch = Float32Array.from({ length: 6 * 64 }, (_, i) => picture[i % 64]! + Math.floor(i / 64));
    const ours = await reduced([2, 3, 8, 8], batch, 7);
    const last = ours.slice(5 * 49).map((x) => x - 5);
    last.forEach((x, i) => {
      expect(x).toBeCloseTo(PYTORCH[7]![i]!, 4);
    });
  });

  it('has a gradient that central differences confirm', async () => {
    const b = new GraphBuilder('case');
    const image = b.input('image', 'float32', [1, 2, 8, 8]);
    const out = reduceImage(b, image, 7);
    const weights = b.constant(f32(uniform(sizeOf(out.shape), 1), out.shape));
    const squares = b.op('Mul', [b.op('Mul', [out, out]), weights]);
    const loss = b.op('ReduceSum', [squares], { keepdims: 0 });
    b.output(loss, 'loss');
    b.output(gradients(b, loss, [image])[0]!, 'gradient');
    const { run, release } = await compile(b.build());
    const [at, direction] = [uniform(128, 2), uniform(128, 3)];
    const step = 1e-2;
    const lossAt = async (sign: number) =>
      (await run({ image: at.map((x, i) => x + sign * step * direction[i]!) })).loss![0]!;
    const slope = ((await lossAt(1)) - (await lossAt(-1))) / (2 * step);
    const { gradient } = await run({ image: at });
    await release();
    const along = gradient!.reduce((sum, g, i) => sum + g * direction[i]!, 0);
    expect(Math.abs(slope)).toBeGreaterThan(0.1);
    expect(Math.abs(along - slope)).toBeLessThan(1e-3 * Math.max(1, Math.abs(slope)));
  });

  it('refuses to enlarge', () => {
    const b = new GraphBuilder('case');
    expect(() => reduceImage(b, b.input('image', 'float32', [1, 3, 8, 8]), 16)).toThrow('at most 8');
  });
});
