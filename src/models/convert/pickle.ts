/**
 * Reads a pickle of nested dicts of numpy arrays as data. Nothing is ever called: the only globals known are the three
 * by which numpy rebuilds an array, each a fixed case here, and any other is refused by name.
 */
import { f32, sizeOf, type Tensor } from '../graph/tensor.js';

/** Nested string-keyed dicts with float32 arrays as leaves. */
export type PickleTree = { readonly [key: string]: PickleTree } | Tensor;

type Callable = 'reconstruct' | 'ndarray' | 'dtype';

const GLOBALS: Readonly<Record<string, Callable>> = {
  'numpy.core.multiarray _reconstruct': 'reconstruct',
  'numpy._core.multiarray _reconstruct': 'reconstruct',
  'numpy ndarray': 'ndarray',
  'numpy dtype': 'dtype',
};

type Item =
  | { kind: 'none' }
  | { kind: 'mark' }
  | { kind: 'bool'; value: boolean }
  | { kind: 'int'; value: number }
  | { kind: 'text'; value: string }
  | { kind: 'bytes'; value: Uint8Array }
  | { kind: 'tuple'; items: Item[] }
  | { kind: 'dict'; entries: Map<string, Item> }
  | { kind: 'global'; value: Callable }
  | { kind: 'dtype'; little: boolean }
  | { kind: 'array'; tensor?: Tensor };

const MAX_DEPTH = 16;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The dict in a pickle of protocol 2 or 3. Throws on truncation, an opcode, global or array layout it does not know. */
export function readPickle(bytes: Uint8Array): PickleTree {
  const machine = new Unpickler(bytes);
  return toTree(machine.run(), 0, new Set());
}

class Unpickler {
  private readonly stack: Item[] = [];
  private readonly memo = new Map<number, Item>();
  private readonly view: DataView;
  private at = 0;
  /** Bytes that an array holds already. */
  private readonly used = new Set<Uint8Array>();

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): Item {
    for (;;) {
      const offset = this.at;
      const opcode = String.fromCharCode(this.byte());
      if (opcode === '.') break;
      const handler = this.opcodes[opcode];
      if (!handler) {
        throw new Error(`Pickle opcode 0x${opcode.charCodeAt(0).toString(16)} at ${offset} is not supported`);
      }
      handler();
    }
    const result = this.pop();
    if (this.stack.length > 0) throw new Error('Pickle ends with more than one value');
    if (this.at !== this.bytes.length)
      throw new Error(`Pickle has ${this.bytes.length - this.at} bytes after its end`);
    return result;
  }

  private readonly opcodes: Readonly<Record<string, () => void>> = {
    '\x80': () => {
      const protocol = this.byte();
      if (protocol < 2 || protocol > 3)
        throw new Error(`Expected pickle protocol 2 or 3 but received ${protocol}`);
    },
    '}': () => this.push({ kind: 'dict', entries: new Map() }),
    N: () => this.push({ kind: 'none' }),
    '(': () => this.push({ kind: 'mark' }),
    '\x88': () => this.push({ kind: 'bool', value: true }),
    '\x89': () => this.push({ kind: 'bool', value: false }),
    K: () => this.push({ kind: 'int', value: this.byte() }),
    M: () => this.push({ kind: 'int', value: this.view.getUint16(this.skip(2), true) }),
    J: () => this.push({ kind: 'int', value: this.view.getInt32(this.skip(4), true) }),
    X: () => this.push({ kind: 'text', value: this.text(this.length32()) }),
    C: () => this.push({ kind: 'bytes', value: this.take(this.byte()) }),
    B: () => this.push({ kind: 'bytes', value: this.take(this.length32()) }),
    ')': () => this.tuple(0),
    '\x85': () => this.tuple(1),
    '\x86': () => this.tuple(2),
    '\x87': () => this.tuple(3),
    t: () => this.push({ kind: 'tuple', items: this.popToMark() }),
    q: () => this.remember(this.byte()),
    r: () => this.remember(this.length32()),
    h: () => this.recall(this.byte()),
    j: () => this.recall(this.length32()),
    s: () => this.setItems([this.pop(), this.pop()].reverse()),
    u: () => this.setItems(this.popToMark()),
    c: () => {
      const name = `${this.line()} ${this.line()}`;
      const value = Object.hasOwn(GLOBALS, name) ? GLOBALS[name] : undefined;
      if (!value)
        throw new Error(
          `Pickle asks for '${name.replace(' ', '.')}', which is refused: only numpy arrays are read`,
        );
      this.push({ kind: 'global', value });
    },
    R: () => {
      const args = this.pop();
      this.push(reduce(this.pop(), args));
    },
    b: () => {
      const state = this.pop();
      build(this.stack.at(-1), state, this.used);
    },
  };

  private push(item: Item): void {
    this.stack.push(item);
  }

  private pop(): Item {
    const item = this.stack.pop();
    if (!item || item.kind === 'mark') throw new Error(`Pickle takes from an empty stack at ${this.at}`);
    return item;
  }

  private popToMark(): Item[] {
    const mark = this.stack.findLastIndex((item) => item.kind === 'mark');
    if (mark < 0) throw new Error(`Pickle has no mark at ${this.at}`);
    return this.stack.splice(mark).slice(1);
  }

  private tuple(n: number): void {
    this.push({ kind: 'tuple', items: Array.from({ length: n }, () => this.pop()).reverse() });
  }

  private remember(index: number): void {
    const item = this.pop();
    this.memo.set(index, item);
    this.push(item);
  }

  private recall(index: number): void {
    const item = this.memo.get(index);
    if (!item) throw new Error(`Pickle recalls ${index}, which it never stored`);
    this.push(item);
  }

  private setItems(items: readonly Item[]): void {
    const dict = this.stack.at(-1);
    if (dict?.kind !== 'dict' || items.length % 2 !== 0)
      throw new Error(`Pickle sets items of no dict at ${this.at}`);
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]!;
      if (key.kind !== 'text') throw new Error(`Expected a text key but received ${key.kind} at ${this.at}`);
      if (dict.entries.has(key.value)) throw new Error(`Pickle sets the key '${key.value}' twice`);
      dict.entries.set(key.value, items[i + 1]!);
    }
  }

  private byte(): number {
    return this.bytes[this.skip(1)]!;
  }

  private length32(): number {
    return this.view.getUint32(this.skip(4), true);
  }

  private take(length: number): Uint8Array {
    const start = this.skip(length);
    return this.bytes.subarray(start, start + length);
  }

  private text(length: number): string {
    const at = this.at;
    try {
      return utf8.decode(this.take(length));
    } catch (cause) {
      if (cause instanceof TypeError) throw new Error(`Pickle has text at ${at} that is not UTF-8`);
      throw cause;
    }
  }

  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0 || end - this.at > 200) throw new Error(`Pickle has no line at ${this.at}`);
    const line = this.text(end - this.at);
    this.at++;
    return line;
  }

  /** Moves on and returns where it was. */
  private skip(length: number): number {
    const start = this.at;
    if (start + length > this.bytes.length)
      throw new Error(`Pickle ends at ${this.bytes.length}, expected ${start + length}`);
    this.at += length;
    return start;
  }
}

/** `_reconstruct(ndarray, (0,), b'b')` is an empty array, `dtype('f4', False, True)` a dtype; both are filled by `build`. */
function reduce(callable: Item, args: Item): Item {
  const name = callable.kind === 'global' ? callable.value : callable.kind;
  const items = args.kind === 'tuple' ? args.items : [];
  if (name === 'reconstruct' && items[0]?.kind === 'global' && items[0].value === 'ndarray')
    return { kind: 'array' };
  if (name === 'dtype' && items[0]?.kind === 'text') {
    if (items[0].value !== 'f4')
      throw new Error(`Expected arrays of type 'f4' but received '${items[0].value}'`);
    return { kind: 'dtype', little: false };
  }
  throw new Error(`Pickle calls '${name}' in a way that is not supported`);
}

/** State of a dtype: (3, '<', ..); of an array: (1, shape, dtype, fortran order, bytes). */
function build(target: Item | undefined, state: Item, used: Set<Uint8Array>): void {
  const items = state.kind === 'tuple' ? state.items : [];
  if (target?.kind === 'dtype' && items[1]?.kind === 'text') {
    if (items[1].value !== '<')
      throw new Error(`Expected little-endian arrays but received '${items[1].value}'`);
    target.little = true;
    return;
  }
  const [version, shape, dtype, fortran, data] = items;
  if (
    target?.kind !== 'array' ||
    version?.kind !== 'int' ||
    shape?.kind !== 'tuple' ||
    dtype?.kind !== 'dtype' ||
    fortran?.kind !== 'bool' ||
    data?.kind !== 'bytes'
  ) {
    throw new Error(`Pickle builds '${target?.kind ?? 'nothing'}' in a way that is not supported`);
  }
  if (target.tensor || !dtype.little || fortran.value || version.value !== 1) {
    throw new Error('Expected a row-major little-endian array, built once');
  }
  const dims = shape.items.map((item) => {
    if (item.kind !== 'int' || item.value < 0) throw new Error('Expected an array shape of whole numbers');
    return item.value;
  });
  if (data.value.length !== sizeOf(dims) * 4) {
    throw new Error(
      `Expected ${sizeOf(dims) * 4} bytes for shape [${dims}] but received ${data.value.length}`,
    );
  }
  // Each array is a copy, so that bytes named by many arrays would make gigabytes out of a small file.
  if (used.has(data.value)) throw new Error('Pickle fills two arrays with the same bytes');
  used.add(data.value);
  target.tensor = f32(new Float32Array(new Uint8Array(data.value).buffer), dims);
}

/** A value stands in one place only: shared values could make a tree of any size out of a small file. */
function toTree(item: Item, depth: number, seen: Set<Item>): PickleTree {
  if (depth > MAX_DEPTH) throw new Error(`Pickle is nested deeper than ${MAX_DEPTH} dicts`);
  if (seen.has(item)) throw new Error(`Pickle has one ${item.kind} in two places`);
  seen.add(item);
  if (item.kind === 'array' && item.tensor) return item.tensor;
  if (item.kind !== 'dict') throw new Error(`Expected dicts of arrays but received ${item.kind}`);
  return Object.fromEntries([...item.entries].map(([key, value]) => [key, toTree(value, depth + 1, seen)]));
}
