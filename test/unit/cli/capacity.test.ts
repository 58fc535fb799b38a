import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Plan } from '../../../src/capacity/plan.js';
import { capacity } from '../../../src/cli/capacity-command.js';

function run(...args: string[]): string[] {
  const lines: string[] = [];
  capacity(args, (text) => lines.push(...text.split('\n')));
  return lines;
}

interface Json {
  embeddings?: Plan;
  morphs?: Plan;
  seed: number;
}
const json = (...args: string[]): Json => JSON.parse(run(...args, '--json').at(-1)!) as Json;

describe('npm run capacity', () => {
  test('says how many workers are needed, and shows those that are too few', () => {
    const { embeddings, morphs } = json('--photos', '60', '--peak', '3');
    expect(morphs).toBeUndefined();
    // 180 an hour of 120 seconds each.
    expect(embeddings!.load).toBeCloseTo(6, 9);
    const { needed, rows } = embeddings!;
    expect(rows.map(({ workers }) => workers)).toEqual(Array.from({ length: needed! + 2 }, (_, i) => i + 1));
    expect(rows.filter(({ figures }) => !figures)).toHaveLength(6);
    expect(rows[needed! - 1]!.figures!.inTime).toBeGreaterThanOrEqual(0.95);
    expect(rows[needed! - 2]!.figures!.inTime).toBeLessThan(0.95);
    const busy = rows.flatMap(({ figures, workers }) => (figures ? [figures.utilisation * workers] : []));
    for (const workers of busy) expect(workers).toBeCloseTo(6, 0);
  });

  test('takes figures of its user: a mix of presets, a spread, batches, an end to be reached', () => {
    const load = (...args: string[]) => json('--photos', '100', ...args).embeddings!;
    expect(load('--mix', 'draft=1,mine=1', '--seconds', 'draft=20,mine=100').load).toBeCloseTo(
      6000 / 3600,
      9,
    );
    expect(load('--batch', '4', '--batch-cost', '0.5').load).toBeCloseTo((12_000 / 3600) * (2.5 / 4), 9);
    const [begun, done] = [load('--wait', '150'), load('--done', '150')];
    expect(done.needed).toBeGreaterThan(begun.needed!);
    expect(load('--spread', '2').needed).toBeGreaterThanOrEqual(load().needed!);
  });

  test('counts morphs apart, at the peak as well', () => {
    const { embeddings, morphs } = json('--morphs', '2', '--peak', '2', '--morph-seconds', '0.5');
    expect(embeddings).toBeUndefined();
    expect(morphs).toMatchObject({ load: 2, needed: 3 });
  });

  test('says so where the most workers are too few', () => {
    const lines = run('--photos', '1000', '--most', '5');
    expect(lines.at(-1)).toMatch(/^More than 5 workers are needed/);
    expect(json('--photos', '1000', '--most', '5').embeddings!.needed).toBeUndefined();
  });

  test('gives the same for the same seed', () => {
    expect(run('--photos', '60', '--json')).toEqual(run('--photos', '60', '--json'));
    expect(run('--photos', '60', '--seed', '2')).not.toEqual(run('--photos', '60'));
  });

  test.each([
    [[], /Expected --photos, --morphs or both/],
    [['--photos', '0'], /a number above 0 for --photos but received '0'/],
    [['--photos', '10', '--peak', '0.5'], /a number from 1 for --peak/],
    [['--photos', '10', '--percentile', '100'], /a number from 1 to 99.9 for --percentile/],
    [['--photos', '10', '--batch', '1.5'], /an integer from 1 for --batch/],
    [['--photos', '10', '--mix', 'fast=1'], /Expected --seconds fast=S/],
    [['--photos', '10', '--mix', 'draft'], /Expected --mix PRESET=NUMBER,... but received 'draft'/],
    [['--photo', '10'], /--photo/],
  ])('refuses %j', (args, words) => {
    expect(() => run(...args)).toThrow(words);
  });
});

describe('docs/guides/capacity.md', () => {
  const guide = readFileSync(
    fileURLToPath(new URL('../../../docs/guides/capacity.md', import.meta.url)),
    'utf8',
  );
  const examples = [...guide.matchAll(/```\n\$ npm run capacity -- (.+)\n([\s\S]+?)```/g)].map(
    ([, args, output]) => [args!, output!.trim()] as const,
  );

  test('has examples', () => {
    expect(examples.length).toBeGreaterThanOrEqual(3);
  });

  test.each(examples)('shows what the command prints: %s', (args, output) => {
    expect(
      run(...args.split(' '))
        .join('\n')
        .trim(),
    ).toBe(output);
  });
});
