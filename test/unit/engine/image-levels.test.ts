import { afterEach, expect, it, vi } from 'vitest';
import type { EngineOptions } from '../../../src/engine/generator.js';
import { ImageLevels } from '../../../src/engine/image-levels.js';
import { readHeads } from '../../../src/models/heads/weights.js';

const { info } = readHeads();
const options = (hash: string) =>
  ({
    modelsDir: '/nowhere',
    manifest: { generator: { hash, resolution: 1024, styles: 16, styleDim: 512 } },
    session: { device: 'cpu', threads: 1 },
  }) as unknown as EngineOptions;

afterEach(() => {
  vi.restoreAllMocks();
});

it.each([
  [64, 64],
  [65, 128],
  [128, 128],
  [200, 256],
  [257, 512],
  [512, 512],
  [513, undefined],
  [1024, undefined],
])('takes for %i px the smallest side that is as large: %s', (size, side) => {
  expect(ImageLevels.load(options(info.generator)).sideFor(size)).toBe(side);
});

it('has no levels for another generator, and says so', () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  expect(ImageLevels.load(options('f'.repeat(64))).sideFor(64)).toBeUndefined();
  expect(said).toHaveBeenCalledOnce();
  expect(said.mock.calls[0]![0]).toContain('not to ffffffffffff');
  expect(said.mock.calls[0]![0]).toContain(info.command);
});

it('tries again what it could not open', async () => {
  const levels = ImageLevels.load(options(info.generator));
  const latent = new Float32Array(16 * 512);
  await expect(levels.render(latent, 64)).rejects.toThrow('synthesis.onnx');
  await expect(levels.render(latent, 64)).rejects.toThrow('synthesis.onnx');
});
