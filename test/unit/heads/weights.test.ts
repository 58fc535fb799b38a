import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { f32 } from '../../../src/models/graph/tensor.js';
import { packHeads, readHeads, unpackHeads } from '../../../src/models/heads/weights.js';

const WEIGHTS = [
  new Map([
    ['a', f32([1, 2, 3, 4, 5, 6], [2, 3, 1, 1])],
    ['b', f32([-1, 0.5], [2])],
  ]),
  new Map([['a', f32([7], [1])]]),
];
const likeness = { mean: 0.02, max: 0.03 };
const DESCRIPTION = {
  heads: WEIGHTS.map((weights, i) => ({
    side: 64 * (i + 1),
    unfitted: likeness,
    lpips: likeness,
    weights: [...weights].map(([name, { shape }]) => ({ name, shape: [...shape] })),
  })),
};

describe('the file of the heads', () => {
  it('gives back what was packed', () => {
    const heads = unpackHeads(packHeads(WEIGHTS), DESCRIPTION);
    expect([...heads.keys()]).toEqual([64, 128]);
    expect([...heads.values()]).toEqual(WEIGHTS);
  });

  it('is refused when it is too short or too long', () => {
    const file = packHeads(WEIGHTS);
    expect(() => unpackHeads(file.subarray(0, 20), DESCRIPTION)).toThrow('heads.bin ends after 20 bytes');
    expect(() => unpackHeads(Buffer.concat([file, Buffer.alloc(4)]), DESCRIPTION)).toThrow(
      'Expected 36 bytes of heads.bin but received 40',
    );
  });
});

describe('the heads of the project', () => {
  it('hold LPIPS 0.05 on samples that were not fitted, and gained by the fit', () => {
    const { info, heads } = readHeads();
    expect(info.heads.map(({ side }) => side)).toEqual([256, 128, 64]);
    for (const { lpips, unfitted } of info.heads) {
      expect(lpips.mean).toBeLessThanOrEqual(0.05);
      expect(lpips.mean).toBeLessThan(unfitted.mean);
    }
    expect(info.command).toMatch(/^npm run fit:heads -- /);
    expect([...heads.get(256)!.keys()].every((name) => name.startsWith('coarse.'))).toBe(true);
  });

  it('are refused when the data is not the one described', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'heads-'));
    await expect(async () => readHeads(folder)).rejects.toThrow('heads.json');
    await writeFile(join(folder, 'heads.json'), '{"heads":[]}');
    expect(() => readHeads(folder)).toThrow('does not describe heads');
    const text = await readFile(new URL('../../../assets/heads.json', import.meta.url), 'utf8');
    await writeFile(join(folder, 'heads.json'), text);
    await writeFile(join(folder, 'heads.bin'), 'other');
    expect(() => readHeads(folder)).toThrow(/heads\.bin has the hash \w+, but \w+ was expected/);
  });
});
