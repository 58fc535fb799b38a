import { describe, expect, it } from 'vitest';
import { BLOWS, planOf } from '../../../bench/torture/killer.js';
import { Ledger } from '../../../bench/torture/ledger.js';
import { resultOf } from '../../../bench/torture/result.js';

const first = (seed: number, count: number) => {
  const plan = planOf(seed, 2);
  return Array.from({ length: count }, () => {
    const { peace, name, dice } = plan.next().value;
    return { peace, name, choice: dice.random() };
  });
};

describe('the plan of a torture run', () => {
  it('is the same for the same seed, with the choices in it, and another one for another seed', () => {
    expect(first(7, 50)).toEqual(first(7, 50));
    expect(first(8, 50)).not.toEqual(first(7, 50));
  });

  it('has every blow, and pauses of half to one and a half times what was asked for', () => {
    const plan = first(1, 600);
    expect(new Set(plan.map(({ name }) => name))).toEqual(new Set(Object.keys(BLOWS)));
    for (const { peace } of plan) {
      expect(peace).toBeGreaterThanOrEqual(1);
      expect(peace).toBeLessThan(3);
    }
  });
});

describe('the ledger', () => {
  it('notes a state that changes after the end, and bytes that are not those first read', () => {
    const ledger = new Ledger();
    const entry = ledger.open('key');
    entry.ids.add('emb_a');
    ledger.saw(entry, 'running');
    ledger.saw(entry, 'failed', 'ENGINE_FAILED');
    ledger.saw(entry, 'failed', 'ENGINE_FAILED');
    expect(entry.changes).toEqual([]);
    ledger.saw(entry, 'succeeded');
    expect(entry.changes).toEqual(['failed then succeeded']);
    ledger.read(entry, 'one');
    ledger.read(entry, 'one');
    ledger.drew('/morph', 'one');
    expect(ledger.corrupted).toEqual([]);
    ledger.read(entry, 'two');
    ledger.drew('/morph', 'two');
    expect(ledger.corrupted).toEqual(['latent of emb_a', '/morph']);
  });

  it('is counted by the ends that clients were told, with failures by their reason', () => {
    const ledger = new Ledger();
    for (const [i, state] of ['succeeded', 'failed', undefined].entries()) {
      const entry = ledger.open(`key-${i}`);
      entry.ids.add(`emb_${i}`);
      if (state) ledger.saw(entry, state, state === 'failed' ? 'ENGINE_FAILED' : undefined);
    }
    ledger.open('never accepted');
    ledger.statusReads.push({ ms: 5, during: 'nothing' }, { ms: 300, during: 'slow network' });
    const verdict = { lost: ['emb_2 is running'], doubled: [], corrupted: [], left: [], mended: [] };
    const run = { ledger, kills: 4, blows: new Map([['kill API', 4]]), deaths: new Map() };
    expect(resultOf({ minutes: 1, seed: 1, generator: 'tiny' }, run, [3, 40], verdict)).toMatchObject({
      jobs: 3,
      kills: 4,
      lost: 1,
      recoveryMaxSeconds: 40,
      slowReads: { 'slow network': 1 },
      ends: { succeeded: 1, 'failed ENGINE_FAILED': 1, unfinished: 1 },
    });
  });
});
