import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/models/graph/builder.js';
import { msSsim } from '../../../src/models/metrics/ms-ssim.js';
import { asShown, meanSquaredError, peakSignalToNoise } from '../../../src/models/metrics/pixel-distances.js';
import { measuredPairs } from '../../support/measured-pairs.js';
import { compile } from '../../support/run-graph.js';

function distances() {
  const b = new GraphBuilder('distances');
  const [image, target] = ['image', 'target'].map((name) =>
    asShown(b, b.input(name, 'float32', [1, 3, 256, 256])),
  );
  const mse = meanSquaredError(b, image!, target!);
  b.output(mse, 'mse');
  b.output(peakSignalToNoise(b, mse), 'psnr');
  b.output(msSsim(b, image!, target!), 'msSsim');
  return compile(b.build());
}

describe('distances of pictures as shown', () => {
  let graph: Awaited<ReturnType<typeof distances>>;
  beforeAll(async () => {
    graph = await distances();
  });
  afterAll(() => graph.release());

  it.each(measuredPairs)('are those of their definitions in double precision: $name', async (pair) => {
    const { image, target, golden } = pair;
    const { mse, psnr, msSsim: similarity } = await graph.run({ image, target });
    expect(mse![0]).toBeCloseTo(golden.mse, 6);
    expect(psnr![0]).toBeCloseTo(golden.psnr, 3);
    expect(similarity![0]).toBeCloseTo(golden.msSsim, 5);
  });
});

it('MS-SSIM is refused where its window does not fit into the coarsest scale', () => {
  const b = new GraphBuilder('small');
  const image = b.input('image', 'float32', [1, 3, 160, 256]);
  expect(() => msSsim(b, image, image)).toThrow('Expected sides from 176 on');
});
