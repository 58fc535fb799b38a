import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { describeApi } from '../../src/api/describe.js';
import { mediaType } from '../../src/api/image-reply.js';
import { retryAfter } from '../../src/api/present.js';
import { parseOptions } from '../../src/api/upload-fields.js';
import { EmbeddingOptions, type EmbeddingRecord } from '../../src/contracts.js';
import { PRESETS } from '../../src/models/stylegan/presets.js';
import { renderKey } from '../../src/store/render-key.js';

describe('openapi.yaml', () => {
  test('is what the route schemas say; otherwise run `npm run build && npm run openapi`', async () => {
    const committed = await readFile(new URL('../../openapi.yaml', import.meta.url), 'utf8');
    expect(committed).toBe(await describeApi());
  });

  test('describes every parameter, every answer and every operation once', async () => {
    const { paths } = parse(await describeApi()) as { paths: Record<string, Record<string, Operation>> };
    const operations = Object.values(paths).flatMap((path) => Object.values(path));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const { parameters = [], responses } of operations) {
      for (const parameter of parameters) expect(parameter.description, parameter.name).toBeTruthy();
      for (const [status, { description }] of Object.entries(responses)) {
        expect(description, status).not.toBe('Default Response');
      }
    }
  });
});

interface Operation {
  operationId: string;
  parameters?: { name: string; description?: string }[];
  responses: Record<string, { description: string }>;
}

describe('options of an upload', () => {
  const options = (fields: Record<string, string>) => parseOptions(new Map(Object.entries(fields)));

  test('have the defaults of the contract', () => {
    const defaults = Object.entries(EmbeddingOptions.properties).flatMap(([name, schema]) =>
      'default' in schema ? [[name, schema.default]] : [],
    );
    expect(options({})).toEqual(Object.fromEntries(defaults));
    expect(options({})).toMatchObject({ preset: 'standard', space: 'pn', styles: 16 });
  });

  test('are completed by their preset, and override it', () => {
    expect(options({ preset: 'paper', styles: '8' })).toMatchObject({
      preset: 'paper',
      steps: 2000,
      learningRate: 0.01,
      schedule: 'constant',
      space: 'w',
      editability: 0,
      styles: 8,
      coarse: 0,
      side: 224,
      earlyStop: false,
    });
    expect(options({ preset: 'draft', steps: '7' })).toMatchObject({ ...PRESETS.draft, steps: 7 });
    expect(() => options({ preset: 'fast' })).toThrow('Expected one of draft, standard, best, paper');
  });

  test('know no prior in W', () => {
    expect(options({ space: 'w' }).editability).toBe(0);
    expect(options({ space: 'w', editability: '0' }).editability).toBe(0);
    expect(() => options({ space: 'w', editability: '0.5' })).toThrow('`editability`');
  });

  test('take words and truth values', () => {
    expect(options({ space: 'w', earlyStop: 'false' })).toMatchObject({ space: 'w', earlyStop: false });
    expect(options({ earlyStop: 'true' })).toMatchObject({ earlyStop: true });
    expect(() => options({ space: 'z' })).toThrow('Expected one of pn, w for `space`');
    expect(() => options({ earlyStop: '1' })).toThrow('Expected true or false for `earlyStop`');
  });

  test.each([
    '',
    ' ',
    '0x10',
    'NaN',
    'Infinity',
    '-Infinity',
    '1e309',
    '1,5',
    '1 2',
    'null',
    '[]',
    '1e',
    '--1',
  ])('refuse %j as a number', (text) => {
    expect(() => options({ learningRate: text })).toThrow(/`learningRate`/);
  });

  test('take every learning rate in range, however it is written', () => {
    const rate = fc.double({ min: 0, minExcluded: true, max: 1, noNaN: true });
    fc.assert(
      fc.property(rate, (x) => {
        expect(options({ learningRate: String(x) }).learningRate).toBe(x);
      }),
    );
  });

  test('take whole numbers in any notation', () => {
    expect(options({ steps: '1e2' }).steps).toBe(100);
  });
});

describe('a render key', () => {
  const inputs = {
    a: 'a',
    b: 'b',
    generator: 'g',
    mode: 'linear' as const,
    lambda: 0,
    crossover: 0,
    size: 1024,
    format: 'jpeg' as const,
  };

  test('is one for equal numbers, another for the two embeddings swapped', () => {
    expect(renderKey({ ...inputs, lambda: -0 })).toBe(renderKey(inputs));
    expect(renderKey({ ...inputs, a: 'b', b: 'a' })).not.toBe(renderKey(inputs));
  });

  test('cannot be confused by texts that run together', () => {
    expect(renderKey({ ...inputs, a: 'a","b' })).not.toBe(renderKey({ ...inputs, a: 'a', b: 'b","b' }));
  });
});

test('asks to come back in half the time left, from 1 to 10 seconds, until finished', () => {
  const record = (state: EmbeddingRecord['state'], secondsLeft: number) =>
    ({ state, progress: { step: 1, steps: 9, loss: 1, secondsLeft } }) as EmbeddingRecord;
  expect(retryAfter(record('running', 0))).toBe(1);
  expect(retryAfter(record('running', 7))).toBe(4);
  expect(retryAfter(record('queued', 900))).toBe(10);
  expect(retryAfter(record('succeeded', 7))).toBeUndefined();
});

test('refuses to serve bytes that are no image', () => {
  expect(() => mediaType(Buffer.from('<html>'))).toThrow(/JPEG, PNG, WebP or AVIF/);
});
