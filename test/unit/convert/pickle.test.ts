import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPickle } from '../../../src/models/convert/pickle.js';
import { f32 } from '../../../src/models/graph/tensor.js';

/** Bytes from text (one byte for each character) and numbers. */
const bytes = (...parts: (string | number)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((p) => (typeof p === 'number' ? [p] : [...p].map((c) => c.charCodeAt(0)))));

const text = (s: string): string => `X${String.fromCharCode(s.length)}\0\0\0${s}`;
const EMPTY_ARRAY = 'cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87R';
const dtype = (type = 'f4', order = '<') =>
  `cnumpy\ndtype\n${text(type)}\x89\x88\x87R(K\x03${text(order)}NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb`;
/** An array of shape [2]: 1, -2. */
const array = ({ type = 'f4', order = '<', data = '\0\0\x80\x3f\0\0\0\xc0', fortran = '\x89' } = {}) =>
  `${EMPTY_ARRAY}(K\x01K\x02\x85${dtype(type, order)}${fortran}B${String.fromCharCode(data.length)}\0\0\0${data}tb`;
const dict = (value: string) => `\x80\x03}q\0(${text('net')}}q\x01${text('kernel')}${value}su.`;

describe('readPickle', () => {
  it('reads nested dicts of float32 arrays', () => {
    expect(readPickle(bytes(dict(array())))).toEqual({ net: { kernel: f32([1, -2], [2]) } });
  });

  it.each([
    ['os.system', 'cos\nsystem\n'],
    ['posix.system', 'cposix\nsystem\n'],
    ['builtins.eval', 'cbuiltins\neval\n'],
    ['numpy.load', 'cnumpy\nload\n'],
    ['__proto__.constructor', 'c__proto__\nconstructor\n'],
  ])('refuses the global %s by name', (name, code) => {
    expect(() => readPickle(bytes(`\x80\x03${code}${text('echo')}\x85R.`))).toThrow(name);
  });

  it.each([
    ['another element type', array({ type: 'O8' }), "'O8'"],
    ['big-endian data', array({ order: '>' }), "'>'"],
    ['column-major data', array({ fortran: '\x88' }), 'row-major'],
    ['too few bytes', array({ data: '\0\0\x80\x3f' }), 'Expected 8 bytes'],
    ['a number as leaf', 'K\x01', 'received int'],
    ['an array that was never filled', EMPTY_ARRAY, 'received array'],
    ['an unknown opcode', 'i', '0x69'],
  ])('refuses %s', (_what, value, message) => {
    expect(() => readPickle(bytes(dict(value)))).toThrow(message);
  });

  it('knows 27 opcodes and refuses each of the 229 others by its number', () => {
    const known = '\x80}N(\x88\x89KMJXCB)\x85\x86\x87tqrhjsucRb.';
    for (let opcode = 0; opcode < 256; opcode++) {
      const read = () => readPickle(bytes('\x80\x03', opcode));
      if (known.includes(String.fromCharCode(opcode))) expect(read).not.toThrow('is not supported');
      else expect(read).toThrow(`opcode 0x${opcode.toString(16)} at 2 is not supported`);
    }
  });

  it('refuses every global but the four names by which numpy makes arrays', () => {
    const read = (module: string, name: string) => () => readPickle(bytes(`\x80\x03c${module}\n${name}\n.`));
    for (const [module, name] of [
      ['numpy.core.multiarray', '_reconstruct'],
      ['numpy._core.multiarray', '_reconstruct'],
      ['numpy', 'ndarray'],
      ['numpy', 'dtype'],
    ] as const)
      expect(read(module, name)).toThrow('received global');
    const refused = 'which is refused: only numpy arrays are read';
    for (const [module, name] of [
      ['numpy', 'fromfile'],
      ['numpy.core.multiarray', 'scalar'],
      ['torch._utils', '_rebuild_tensor_v2'],
      ['numpy dtype', ''],
      ['', ''],
    ] as const)
      expect(read(module, name)).toThrow(refused);
    fc.assert(
      fc.property(fc.stringMatching(/^[\w.]{0,30}$/), fc.stringMatching(/^\w{0,30}$/), (module, name) => {
        expect(read(module, name)).toThrow(refused);
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  it('refuses text that is not UTF-8, saying where it is', () => {
    expect(() => readPickle(bytes('\x80\x03X\x02\0\0\0\xff\xfe.'))).toThrow('text at 7 that is not UTF-8');
    expect(() => readPickle(bytes('\x80\x03c\xff\nx\n.'))).toThrow('text at 3 that is not UTF-8');
  });

  it('refuses arrays that share their bytes: a small file would fill the memory', () => {
    const one = `${EMPTY_ARRAY}(K\x01K\x02\x85${dtype()}\x89`;
    const shared = `\x80\x03}(${text('a')}${one}B\x08\0\0\0\0\0\0\0\0\0\0\0q\0tb${text('b')}${one}h\0tbu.`;
    expect(() => readPickle(bytes(shared))).toThrow('two arrays with the same bytes');
  });

  it('refuses a dict that holds itself', () => {
    expect(() => readPickle(bytes(`\x80\x03}q\0${text('a')}h\0s.`))).toThrow('in two places');
  });

  it('refuses a file cut off anywhere, or with something after its end', () => {
    const whole = bytes(dict(array()));
    for (let length = 0; length < whole.length; length++) {
      expect(() => readPickle(whole.subarray(0, length))).toThrow(/Pickle|Expected/);
    }
    expect(() => readPickle(bytes(`${dict(array())}.`))).toThrow('after its end');
  });

  it('ends on any changed byte: with an error or a tree', () => {
    const whole = bytes(dict(array()));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, value) => {
        const changed = whole.slice();
        changed[at] = value;
        try {
          expect(readPickle(changed)).toBeTypeOf('object');
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 2000, seed: 1 },
    );
  });
});
