/** Short runs of `npm run fuzz:inputs`: each reader against inputs that always are the same. */
import { describe, expect, test } from 'vitest';
import { fuzz } from '../../../bench/fuzz/fuzz.js';
import { mutated } from '../../../bench/fuzz/mutate.js';
import { changedMessage } from '../../../bench/fuzz/protobuf-change.js';
import { isAccident, type Target } from '../../../bench/fuzz/target.js';
import { isTargetName, TARGETS } from '../../../bench/fuzz/targets.js';
import { uniformFrom } from '../../../src/models/random.js';

const INPUTS = {
  pickle: 3000,
  openvino: 2000,
  onnx: 2000,
  latents: 800,
  multipart: 300,
  images: 100,
} as const;

describe.each(Object.entries(TARGETS))('%s', (name, { make }) => {
  test('reads every input that others are made of', async () => {
    const target = await make();
    const outcomes = await Promise.allSettled(target.seeds.map(async (seed) => target.read(seed)));
    await target.close?.();
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
  });

  test('refuses what it cannot read, in time', async () => {
    if (!isTargetName(name)) throw new Error(name);
    const target = await make();
    const { counts, failures } = await fuzz(target, { inputs: INPUTS[name], seed: 1 });
    await target.close?.();
    expect(failures).toEqual([]);
    expect(counts.inputs).toBe(INPUTS[name]);
    expect(counts.refused).toBeGreaterThan(INPUTS[name] / 4);
    expect(counts.refusals).toBeGreaterThan(2);
  });
});

test('shares of the targets are percents of one whole', () => {
  expect(Object.values(TARGETS).reduce((n, { share }) => n + share, 0)).toBe(100);
});

describe('fuzz', () => {
  const target = (read: Target['read']): Target => ({
    seeds: [Uint8Array.of(1, 2, 3, 4)],
    tokens: [],
    maxBytes: 64,
    read,
    isRefusal: (error) => !isAccident(error),
  });

  test('counts what a program forgot as a failure, with the input that shows it', async () => {
    const broken = target((bytes) => {
      if (bytes[0] === 255) (undefined as unknown as string).length;
      throw new Error('refused');
    });
    const { counts, failures } = await fuzz(broken, { inputs: 5000, seed: 1 });
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.every(({ input }) => input[0] === 255)).toBe(true);
    expect(counts.refused + failures.length).toBe(5000);
  });

  test('counts what is slow twice, not what was slow once', async () => {
    let calls = 0;
    const wait = (times: number) =>
      target(async () => {
        if (calls++ < times) await new Promise((resolve) => setTimeout(resolve, 1_050));
      });
    expect((await fuzz(wait(1), { inputs: 3, seed: 1 })).failures).toEqual([]);
    calls = 0;
    expect((await fuzz(wait(2), { inputs: 3, seed: 1 })).failures).toMatchObject([{ index: 0 }]);
  });

  test('gives the same inputs for the same seed', async () => {
    const inputsOf = async (seed: number): Promise<string[]> => {
      const seen: string[] = [];
      await fuzz(
        target((bytes) => void seen.push(Buffer.from(bytes).toString('hex'))),
        { inputs: 50, seed },
      );
      return seen;
    };
    expect(await inputsOf(3)).toEqual(await inputsOf(3));
    expect(await inputsOf(3)).not.toEqual(await inputsOf(4));
  });
});

describe('mutated', () => {
  test('keeps within the length that is given, and changes most inputs', () => {
    const seed = new Uint8Array(100);
    const random = uniformFrom(1);
    const all = Array.from({ length: 500 }, () =>
      mutated({ seeds: [seed], tokens: [], maxBytes: 120 }, random),
    );
    expect(Math.max(...all.map(({ length }) => length))).toBe(120);
    expect(all.filter((one) => !Buffer.from(one).equals(seed)).length).toBeGreaterThan(350);
    expect(seed.every((byte) => byte === 0)).toBe(true);
  });
});

describe('changedMessage', () => {
  test('gives files that read as messages to their end, and returns what is none', async () => {
    const { seeds, tokens } = await TARGETS.onnx.make();
    const random = uniformFrom(1);
    const material = { seeds, tokens, maxBytes: 65_536 };
    const before = Buffer.from(seeds[0]!).toString('hex');
    const changed = Array.from({ length: 50 }, () => changedMessage(seeds[0]!, material, random));
    expect(changed.filter((one) => Buffer.from(one).toString('hex') !== before).length).toBeGreaterThan(40);
    expect(Buffer.from(seeds[0]!).toString('hex')).toBe(before);
    expect(changedMessage(Uint8Array.of(0), material, random)).toEqual(Uint8Array.of(0));
  });
});
