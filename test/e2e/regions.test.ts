/** Region morphs on the real weights: the chosen part changes, the rest stays, and nothing changes where nothing is taken. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { REGION_PARTS, type RegionPart } from '../../src/contracts.js';
import { Generator } from '../../src/engine/generator.js';
import { RegionRenderer } from '../../src/engine/regions.js';
import { Renderer } from '../../src/engine/render.js';
import { openSession } from '../../src/engine/session.js';
import { readManifest } from '../../src/models/manifest.js';
import { normalFrom } from '../../src/models/random.js';
import { MASK_SIDE, readRegions } from '../../src/models/regions/map.js';
import { regionMask } from '../../src/models/regions/mask.js';

const { modelsDir, threads } = loadConfig();
const session = { device: 'cpu' as const, threads };
const PLANE = MASK_SIDE * MASK_SIDE;

describe('a region morph', () => {
  const regions = readRegions();
  const { map } = regions;
  let options: Parameters<typeof RegionRenderer.load>[0];
  let renderer: RegionRenderer;
  let plain: Float32Array[];
  let latents: Float32Array[];
  beforeAll(async () => {
    options = { modelsDir, manifest: await readManifest(modelsDir), session };
    renderer = await RegionRenderer.load(options);
    const mapping = await openSession(join(modelsDir, 'mapping.onnx'), { ...session, dimensions: { N: 1 } });
    const generator = await Generator.load(options);
    [latents, plain] = [[], []];
    for (const seed of [1001, 1002]) {
      const z = Float32Array.from({ length: 512 }, normalFrom(seed));
      const { w } = await mapping.run({ z: { data: z, shape: [1, 512] } });
      const latent = Float32Array.from({ length: 16 * 512 }, (_, i) => w!.data[i % 512]!);
      latents.push(latent);
      plain.push(await generator.render(latent));
    }
    await mapping.release();
  });
  afterAll(() => renderer?.release());

  const draw = (parts: readonly RegionPart[], lambda: number): Promise<Float32Array> =>
    renderer.draw(latents[0]!, latents[1]!, regionMask(map, parts, lambda));

  /** Root mean squared change against the image of a where the part takes at least half, and where it takes hardly anything. */
  function changes(image: Float32Array, part: RegionPart): { inside: number; outside: number } {
    const mask = map.get(part)!;
    const side = Math.sqrt(image.length / 3);
    const cell = side / MASK_SIDE;
    const most = Float32Array.from({ length: PLANE }, (_, place) => {
      let weight = 0;
      for (let i = place; i < mask.length; i += PLANE) weight = Math.max(weight, mask[i]!);
      return weight;
    });
    const [squares, counts] = [
      [0, 0],
      [0, 0],
    ];
    image.forEach((x, i) => {
      const [column, row] = [i % side, Math.floor(i / side) % side];
      const weight = most[Math.floor(row / cell) * MASK_SIDE + Math.floor(column / cell)]!;
      const where = weight >= 0.5 ? 0 : weight < 0.02 ? 1 : undefined;
      if (where === undefined) return;
      squares[where]! += (x - plain[0]![i]!) ** 2;
      counts[where]!++;
    });
    const [inside, outside] = squares.map((sum, k) => Math.sqrt(sum / counts[k]!));
    return { inside: inside!, outside: outside! };
  }

  it.each(REGION_PARTS)('changes %s more than twice as much as the rest', async (part) => {
    const { inside, outside } = changes(await draw([part], 0), part);
    expect(inside).toBeGreaterThan(0.04);
    expect(inside).toBeGreaterThan(2 * outside);
  });

  it('keeps every pixel of a at lambda 1, whatever the parts', async () => {
    expect((await draw(REGION_PARTS, 1)).every((x, i) => x === plain[0]![i])).toBe(true);
  });

  it('is b where all is taken from b', async () => {
    const all = await renderer.draw(latents[0]!, latents[1]!, new Float32Array(16 * PLANE).fill(1));
    expect(all.every((x, i) => x === plain[1]![i])).toBe(true);
  });

  it('changes the part less, the more of a it keeps', async () => {
    const inside: number[] = [];
    for (const lambda of [0, 0.5, 0.9]) inside.push(changes(await draw(['hair'], lambda), 'hair').inside);
    expect(inside[0]!).toBeGreaterThan(inside[1]!);
    expect(inside[1]!).toBeGreaterThan(inside[2]!);
  });

  it('gives the same bytes again, of the size and format that were asked for', async () => {
    const [a, b] = latents as [Float32Array, Float32Array];
    const parts: RegionPart[] = ['eyes', 'mouth'];
    const whole = await Renderer.load(options);
    const params = { a, b, parts, map: regions.info.sha256, lambda: 0, size: 128, format: 'png' as const };
    const first = await whole.render(params);
    expect((await whole.render(params)).image).toEqual(first.image);
    expect(Buffer.from(first.image).readUInt32BE(16)).toBe(128);
  });

  it('refuses a map that another one stands for, and a map of another generator', async () => {
    const [a, b] = latents as [Float32Array, Float32Array];
    const drawn = { a, b, parts: ['eyes' as const], map: 'other', lambda: 0 };
    await expect(renderer.mix(drawn)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const foreign = { ...regions, info: { ...regions.info, generator: '0'.repeat(64) } };
    await expect(RegionRenderer.load(options, foreign)).rejects.toMatchObject({
      code: 'GENERATOR_MISMATCH',
      detail: expect.stringContaining('npm run fit:regions'),
    });
  });
});
