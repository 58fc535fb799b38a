/** Memory of an engine that renders for long. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { STYLE_DIM, STYLES } from '../../../src/contracts.js';
import { uniformFrom } from '../../../src/models/random.js';
import { EngineClient } from '../../../src/worker/engine-client.js';

const RENDERS = 1_000;
/** The allocator finds its size in the first ones. */
const WARM_UP = 200;
const EVERY = 20;
/** MiB that 1,000 renders may add: a leak of one 64-pixel image (48 KiB) a render would be seen. */
const MOST_MIB = 24;

const residentMib = async (pid: number): Promise<number> =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;

/** Least-squares slope of y over x. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (axis: 0 | 1): number => points.reduce((sum, point) => sum + point[axis], 0) / points.length;
  const [x0, y0] = [mean(0), mean(1)];
  const over = points.reduce((sum, [x, y]) => sum + (x - x0) * (y - y0), 0);
  return over / points.reduce((sum, [x]) => sum + (x - x0) ** 2, 0);
}

test('1,000 renders leave the memory of the engine as it was', async () => {
  const engine = new EngineClient({ entry: `${process.cwd()}/dist/engine/main.js` });
  const random = uniformFrom(1);
  const seen: [number, number][] = [];
  try {
    await engine.call('warm', { role: 'render' });
    for (let i = 1; i <= WARM_UP + RENDERS; i++) {
      const latent = Float32Array.from({ length: STYLES * STYLE_DIM }, () => random() - 0.5);
      const { image } = await engine.call('render', { latent, size: 64, format: 'png', quality: 90 });
      expect(image.byteLength).toBeGreaterThan(500);
      if (i > WARM_UP && i % EVERY === 0) seen.push([i, await residentMib(engine.pid!)]);
    }
  } finally {
    await engine.close();
  }
  const mib = RENDERS * slope(seen);
  console.log(
    `resident memory of the engine: ${seen[0]![1].toFixed(0)} to ${seen.at(-1)![1].toFixed(0)} MiB, slope ${mib.toFixed(1)} MiB for ${RENDERS} renders`,
  );
  expect(mib).toBeLessThan(MOST_MIB);
});
