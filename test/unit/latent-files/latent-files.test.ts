import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../../src/errors.js';
import {
  type ExportedLatent,
  LATENT_FORMATS,
  readLatent,
  writeLatent,
} from '../../../src/latent-files/latent-file.js';

const SIZE = 16 * 512;
const generator = { name: 'g', hash: 'ab' };
const latent = (number: (i: number) => number): ExportedLatent => ({
  id: 'emb_x',
  generator,
  values: Float32Array.from({ length: SIZE }, (_, i) => number(i)),
});
const ramp = latent((i) => (i - 4096) / 1000);
/** Any float32, by its bits: zeros below the smallest normal, both signs, the largest. */
const float32 = fc.float({ noNaN: true, noDefaultInfinity: true });

/** An .npy file whose header says anything. */
function npy(header: string, data: Uint8Array, version = 1): Buffer {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  length.writeUIntLE(header.length, 0, length.length);
  return Buffer.concat([
    Buffer.from('\x93NUMPY', 'latin1'),
    Buffer.from([version, 0]),
    length,
    Buffer.from(header, 'latin1'),
    data,
  ]);
}
const plain = (descr: string, shape: string, order = 'False') =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

function safetensors(header: unknown, data: Uint8Array): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text, data]);
}
const tensor = (patch: object = {}) => ({
  latent: { dtype: 'F32', shape: [16, 512], data_offsets: [0, 4 * SIZE], ...patch },
});
const data = Buffer.alloc(4 * SIZE);

function refusalOf(bytes: Buffer): AppError {
  try {
    readLatent(bytes);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('Expected a refusal');
}

describe.each(LATENT_FORMATS)('%s', (format) => {
  test('gives back every float32 as it was', () => {
    fc.assert(
      fc.property(fc.array(float32, { minLength: 1, maxLength: 64 }), (numbers) => {
        // JSON alone has no sign of zero.
        const sent = latent((i) => (numbers[i % numbers.length] ?? 0) + (format === 'json' ? 0 : -0));
        const { values } = readLatent(writeLatent(format, sent));
        expect(Buffer.from(values.buffer).equals(Buffer.from(sent.values.buffer))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test('is refused whenever it is cut off', () => {
    const whole = writeLatent(format, ramp);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.length - 1 }), (length) => {
        expect(refusalOf(whole.subarray(0, length)).code).toBe('LATENT_INVALID');
      }),
    );
  });

  test('is read or refused, never crashed on, with any of its bytes changed', () => {
    const whole = writeLatent(format, ramp);
    const change = fc.record({ at: fc.nat(300), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 5 }), (changes) => {
        const changed = Buffer.from(whole);
        for (const { at, byte } of changes) changed[at] = byte;
        try {
          expect(readLatent(changed).values).toHaveLength(SIZE);
        } catch (error) {
          expect(error).toMatchObject({ code: 'LATENT_INVALID' });
        }
      }),
      { numRuns: 500 },
    );
  });
});

test('any bytes are refused', () => {
  const begin = fc.constantFrom(
    '',
    '\x93NUMPY',
    '\x93NUMPY\x01\x00',
    '{',
    '[',
    '{"values":',
    '\x10\0\0\0\0\0\0\0',
  );
  fc.assert(
    fc.property(begin, fc.uint8Array({ maxLength: 400 }), (text, rest) => {
      expect(refusalOf(Buffer.concat([Buffer.from(text, 'latin1'), rest])).code).toBe('LATENT_INVALID');
    }),
    { numRuns: 500 },
  );
});

describe('npy', () => {
  test('is, byte for byte, what numpy 2.4.6 saves', () => {
    // np.save(f, ((np.arange(8192) - 4096) / 1000).astype('<f4').reshape(16, 512))
    expect(createHash('sha256').update(writeLatent('npy', ramp)).digest('hex')).toBe(
      'd6692c52880dd551298a2c0833f834bb705b780eb84ca87b193c17e8fa17b584',
    );
  });

  test.each([
    ['<f8', 8],
    ['<f4', 4],
    ['<f2', 2],
  ])('takes numbers of the type %s', (descr, bytes) => {
    const numbers = Buffer.alloc(SIZE * bytes);
    // 1.5 in the last place: the same three bits in each of the types.
    const last = SIZE - 1;
    if (bytes === 8) numbers.writeDoubleLE(1.5, 8 * last);
    else if (bytes === 4) numbers.writeFloatLE(1.5, 4 * last);
    else numbers.writeUInt16LE(0x3e00, 2 * last);
    const { values } = readLatent(npy(plain(descr, '(16, 512)'), numbers));
    expect([values[0], values[last]]).toEqual([0, 1.5]);
  });

  test('reads halves down to the smallest', () => {
    const numbers = Buffer.alloc(2 * 512);
    [0x0001, 0x8001, 0x0400, 0x7bff].forEach((bits, i) => {
      numbers.writeUInt16LE(bits, 2 * i);
    });
    const { values } = readLatent(npy(plain('<f2', '(512,)'), numbers));
    expect([...values.subarray(0, 4)]).toEqual([2 ** -24, -(2 ** -24), 2 ** -14, 65504]);
  });

  test('takes a vector for all styles, a leading 1, and later versions of the format', () => {
    const vector = Buffer.from(Float32Array.from({ length: 512 }, (_, i) => i).buffer);
    for (const shape of ['(512,)', '(1, 512)', '(1L, 512L)']) {
      const { values } = readLatent(npy(plain('<f4', shape), vector, 2));
      expect([values[0], values[511], values[512 + 7], values[SIZE - 1]]).toEqual([0, 511, 7, 511]);
    }
    expect(readLatent(npy(plain('<f4', '(1, 16, 512)'), data, 3)).values).toHaveLength(SIZE);
  });

  test.each([
    ['another shape', npy(plain('<f4', '(18, 512)'), data), /\[18,512\].*\[16,512\]/],
    ['a shape of nothing', npy(plain('<f4', '()'), data), /the shape \[\]/],
    ['a shape beyond all memory', npy(plain('<f4', '(99999999999999, 512)'), data), /99999999999999,512/],
    ['integers', npy(plain('<i4', '(16, 512)'), data), /'<i4'.*'<f4'/],
    ['another byte order', npy(plain('>f4', '(16, 512)'), data), /'>f4'.*'<f4'/],
    ['Fortran order', npy(plain('<f4', '(16, 512)', 'True'), data), /ascontiguousarray/],
    [
      'a record type',
      npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", data),
      /plain array/,
    ],
    ['too few numbers', npy(plain('<f4', '(16, 512)'), data.subarray(4)), /32764 bytes.*expected 32768/],
    ['too many', npy(plain('<f4', '(16, 512)'), Buffer.concat([data, data])), /65536 bytes.*expected 32768/],
    ['version 9', npy(plain('<f4', '(16, 512)'), data, 9), /version 9/],
  ])('refuses %s', (_, bytes, detail) => {
    expect(refusalOf(bytes).detail).toMatch(detail);
  });

  test('refuses a header that claims to be longer than the file', () => {
    const bytes = npy(plain('<f4', '(16, 512)'), data, 2);
    bytes.writeUInt32LE(0xffffffff, 8);
    expect(refusalOf(bytes).detail).toMatch(/4294967295 bytes/);
  });
});

describe('safetensors', () => {
  test('tells generator, id and space in its metadata', () => {
    const bytes = writeLatent('safetensors', ramp);
    const length = Number(bytes.readBigUInt64LE());
    expect((8 + length) % 8).toBe(0);
    expect(JSON.parse(bytes.toString('utf8', 8, 8 + length))).toEqual({
      __metadata__: { generator: 'g:ab', id: 'emb_x', space: 'w+' },
      ...tensor(),
    });
    expect(readLatent(bytes).generator).toBe('g:ab');
  });

  test('takes the only tensor whatever its name, and `latent` among several', () => {
    const { latent: one } = tensor();
    expect(readLatent(safetensors({ w: one }, data)).values).toHaveLength(SIZE);
    const two = Buffer.concat([data, Buffer.from(ramp.values.buffer)]);
    const header = { w: one, latent: { ...one, data_offsets: [4 * SIZE, 8 * SIZE] } };
    expect(readLatent(safetensors(header, two)).values).toEqual(ramp.values);
    expect(refusalOf(safetensors({ v: one, w: one }, data)).detail).toMatch(/tensors \[v,w\].*latent/);
  });

  test.each([
    ['offsets beyond the file', tensor({ data_offsets: [4, 4 * SIZE + 4] }), /offsets within/],
    ['offsets that run backwards', tensor({ data_offsets: [8, 4] }), /offsets within/],
    ['offsets of another size', tensor({ data_offsets: [0, 4] }), /4 bytes.*32768/],
    ['negative offsets', tensor({ data_offsets: [-4, 4] }), /data_offsets/],
    ['another type', tensor({ dtype: 'BF16' }), /BF16.*F32/],
    ['the type of an inherited name', tensor({ dtype: 'toString' }), /toString/],
    ['another shape', tensor({ shape: [14, 512] }), /\[14,512\]/],
    ['no tensor', { __metadata__: {} }, /tensors \[\]/],
    ['a list', '[1]', /no JSON object/],
    ['no JSON', '{"latent"', /no JSON/],
  ])('refuses %s', (_, header, detail) => {
    expect(refusalOf(safetensors(header, data)).detail).toMatch(detail);
  });

  test('refuses a header that claims to be longer than the file', () => {
    const bytes = safetensors(tensor(), data);
    bytes.writeBigUInt64LE(2n ** 63n);
    expect(refusalOf(bytes).detail).toMatch(/neither/);
  });
});

describe('JSON', () => {
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const row = Array.from({ length: 512 }, (_, i) => i);

  test('takes a bare list, an object with `values`, and either spelling of the generator', () => {
    expect(readLatent(json(Array(16).fill(row))).values[513]).toBe(1);
    expect(readLatent(json({ values: row, generator: 'g:ab' }))).toMatchObject({ generator: 'g:ab' });
    expect(readLatent(json({ values: row, generator })).generator).toBe('g:ab');
    expect(readLatent(json({ values: row, generator: { name: 1 } })).generator).toBeUndefined();
  });

  test.each([
    ['texts', json(Array(512).fill('1')), /list of numbers/],
    ['rows of different lengths', json([...Array(15).fill(row), [1]]), /different lengths/],
    ['rows among numbers', json([1, row]), /list of numbers/],
    ['nothing', json({}), /list of numbers/],
    ['an empty list', json([]), /the shape \[0\]/],
    ['a number beyond float32', json([1e39, ...row.slice(1)]), /Number 0 of the latent is 1e\+39/],
    ['NaN, as Python writes it', Buffer.from('{"values": [NaN]}'), /begins like JSON/],
    [
      'lists in lists in lists',
      Buffer.from(`${'['.repeat(500_000)}${']'.repeat(500_000)}`),
      /list of numbers/,
    ],
  ])('refuses %s', (_, bytes, detail) => {
    expect(refusalOf(bytes).detail).toMatch(detail);
  });
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses %s in any place', (bad) => {
  const sent = latent((i) => (i === 4711 ? bad : 0));
  for (const format of ['npy', 'safetensors'] as const)
    expect(refusalOf(writeLatent(format, sent)).detail).toMatch(/^Number 4711 of the latent/);
});
