/** Measures of a result, on the real weights and on photographs. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { openSession, type Session } from '../../src/engine/session.js';
import { MEASURES } from '../../src/models/metrics/measure-graph.js';
import { measuredPairs } from '../support/measured-pairs.js';

const { modelsDir, threads } = loadConfig();
const SHAPE = [1, 3, 256, 256];

/** test/golden/metrics/make.py made the values, lpips.onnx has its own. */
describe('the measuring graph', () => {
  let measure: Session;
  let lpips: Session;
  beforeAll(async () => {
    const options = { device: 'cpu' as const, threads };
    measure = await openSession(join(modelsDir, 'measure.onnx'), { ...options, dimensions: { N: 1 } });
    const dimensions = { N: 1, H: 256, W: 256 };
    lpips = await openSession(join(modelsDir, 'lpips.onnx'), { ...options, dimensions });
  });
  afterAll(() => Promise.all([measure?.release(), lpips?.release()]));

  it.each(measuredPairs)('measures as its references do: $name', async ({ image, target, golden }) => {
    const [a, b] = [image, target].map((data) => ({ data, shape: SHAPE }));
    const out = await measure.run({ image: a!, target: b! });
    expect(Object.keys(out).sort()).toEqual([...MEASURES].sort());
    for (const [name, value] of Object.entries(golden)) {
      expect(Math.abs(out[name]!.data[0]! - value) / Math.max(1e-3, Math.abs(value)), name).toBeLessThan(
        2e-5,
      );
    }
    const { distance } = await lpips.run({ a: a!, b: b! });
    expect(out.lpips!.data[0]).toBeCloseTo(distance!.data[0]!, 6);
  });

  it('measures each pair of a batch as alone', async () => {
    const batch = await openSession(join(modelsDir, 'measure.onnx'), { device: 'cpu', threads });
    const two = measuredPairs.slice(1, 3);
    const joined = (parts: Float32Array[]) => ({
      data: Float32Array.from(parts.flatMap((part) => [...part])),
      shape: [2, ...SHAPE.slice(1)],
    });
    const out = await batch.run({
      image: joined(two.map(({ image }) => image)),
      target: joined(two.map(({ target }) => target)),
    });
    await batch.release();
    two.forEach(({ golden }, i) => {
      expect(out.conv4_2!.data[i]! / golden.conv4_2).toBeCloseTo(1, 4);
      expect(out.msSsim!.data[i]).toBeCloseTo(golden.msSsim, 5);
    });
  });
});
