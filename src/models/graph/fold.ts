/**
 * Computes nodes whose inputs are all known, while a graph is read and in passes/constant-folding: shape arithmetic,
 * small constants, and weights that an exporter moves or scales before use. One row for each op that may be folded.
 */

import { broadcastTo, concat, permute, reshape, subgrid, upTo } from './data.js';
import type { Attributes, Node, Type } from './ir.js';
import { shapeRange } from './ops/discrete.js';
import { inferTypes, type Lookup } from './ops/index.js';
import { axisOf, intAttr, intsAttr, tensorAttr } from './ops/rule.js';
import { sliceRanges } from './ops/slice.js';
import { numbersOf, sizeOf, type Tensor, tensorOf } from './tensor.js';

interface Known {
  readonly inputs: readonly (Tensor | undefined)[];
  readonly types: readonly Type[];
  readonly attrs: Attributes;
}

type Evaluate = (known: Known) => Tensor[];

/** Elements that a folded node may have although it has larger results than inputs. */
const MAX_GROWTH = 2 ** 16;

/** The outputs of a node as constants, or nothing where they depend on data or would be large. Throws as its rule does. */
export function fold(node: Node, lookup: Lookup): Tensor[] | undefined {
  const types = node.op === 'Shape' || node.op === 'Size' ? [lookup.typeOf(node.inputs[0]!)] : undefined;
  if (types?.[0]) return [sizesOf(node, types[0])];
  const evaluate = EVALUATORS.get(node.op);
  const inputs = node.inputs.map((name) => (name ? lookup.constantOf(name) : undefined));
  if (!evaluate || inputs.some((tensor, i) => !tensor && node.inputs[i] !== '')) return undefined;
  const known = { inputs, attrs: node.attrs, types: inferTypes(node, bound(lookup)) };
  const given = inputs.reduce((n, tensor) => n + (tensor?.data.length ?? 0), 0);
  const made = known.types.reduce((n, { shape }) => n + sizeOf(shape), 0);
  const halves = [...inputs, ...known.types].some((t) => t?.dtype === 'float16');
  if (made > Math.max(given, MAX_GROWTH) || (halves && !MOVES.has(node.op))) return undefined;
  return evaluate(known);
}

/** A builder's methods, which its rules take apart. */
const bound = (lookup: Lookup): Lookup => ({
  typeOf: (name) => lookup.typeOf(name),
  constantOf: (name) => lookup.constantOf(name),
});

function sizesOf(node: Node, { shape }: Type): Tensor {
  if (node.op === 'Size') return tensorOf('int64', [], [sizeOf(shape)]);
  const sizes = shape.slice(...shapeRange(shape.length, node.attrs));
  return tensorOf('int64', [sizes.length], sizes);
}

/** Elementwise with broadcasting, in float64 and rounded once. */
const elementwise =
  (f: (x: number, y: number, z: number) => number): Evaluate =>
  ({ inputs, types }) => {
    const { dtype, shape } = types[0]!;
    const [x, y, z] = inputs.map((tensor) => elementsOf(broadcastTo(tensor!, shape)));
    const out = new Float64Array(sizeOf(shape));
    for (let i = 0; i < out.length; i++) out[i] = f(x![i]!, y ? y[i]! : 0, z ? z[i]! : 0);
    return [tensorOf(dtype, shape, out)];
  };

/** As numbers, without a copy where they are. */
const elementsOf = ({ data, ...type }: Tensor): ArrayLike<number> =>
  data instanceof BigInt64Array ? numbersOf({ data, ...type }) : data;

/** Joins two or more inputs from left to right. */
const joined =
  (f: (x: number, y: number) => number): Evaluate =>
  (known) => [
    (known.inputs as Tensor[]).reduce(
      (sum, each) => elementwise((x, y) => f(x, y))({ ...known, inputs: [sum, each] })[0]!,
      broadcastTo(known.inputs[0]!, known.types[0]!.shape),
    ),
  ];

const truth = (f: (x: number, y: number) => boolean): Evaluate => elementwise((x, y) => Number(f(x, y)));

/** Division rounds towards zero for whole numbers. */
const divide: Evaluate = (known) => {
  const whole = !known.types[0]!.dtype.startsWith('float');
  if (whole && numbersOf(known.inputs[1]!).includes(0)) throw new Error('divides whole numbers by zero');
  return elementwise((x, y) => (whole ? Math.trunc(x / y) : x / y))(known);
};

/** The remainder has the sign of the divisor, or with fmod of the dividend. */
const remainder: Evaluate = (known) => {
  const fmod = intAttr(known.attrs, 'fmod', 0) === 1;
  return elementwise((x, y) => (fmod ? x % y : x - y * Math.floor(x / y)))(known);
};

const roundToEven = (x: number): number => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

/** The same elements under the shape that the op's rule gives. */
const renamed: Evaluate = ({ inputs, types }) => [reshape(inputs[0]!, types[0]!.shape)];

/** Sub-grids of the first input: which elements of each axis every output holds. */
const picked =
  (lists: (known: Known, shape: readonly number[]) => (readonly number[])[][]): Evaluate =>
  (known) =>
    lists(known, known.inputs[0]!.shape).map((each) => subgrid(known.inputs[0]!, each));

const replaced = (shape: readonly number[], axis: number, list: readonly number[]): (readonly number[])[] =>
  shape.map((d, i) => (i === axis ? list : upTo(d)));

/** A reduction over axes given as the second input; without it over all. */
const reduction =
  (
    start: number,
    join: (sum: number, x: number) => number,
    end = (sum: number, _n: number) => sum,
  ): Evaluate =>
  ({ inputs, types, attrs }) => {
    const [x, given] = inputs as [Tensor, Tensor | undefined];
    const rank = x.shape.length;
    const none = given === undefined || given.data.length === 0;
    if (none && intAttr(attrs, 'noop_with_empty_axes', 0) === 1) return [x];
    const axes = none ? upTo(rank) : numbersOf(given).map((a) => axisOf(a, rank));
    const kept = upTo(rank).filter((i) => !axes.includes(i));
    const turned = numbersOf(permute(x, [...kept, ...axes]));
    const { dtype, shape } = types[0]!;
    const n = sizeOf(axes.map((a) => x.shape[a]!));
    const sums = upTo(sizeOf(shape)).map((i) => end(turned.slice(i * n, (i + 1) * n).reduce(join, start), n));
    return [tensorOf(dtype, shape, sums)];
  };

const MOVES: ReadonlyMap<string, Evaluate> = new Map(
  Object.entries<Evaluate>({
    Identity: renamed,
    Reshape: renamed,
    Flatten: renamed,
    Squeeze: renamed,
    Unsqueeze: renamed,
    Expand: ({ inputs, types }) => [broadcastTo(inputs[0]!, types[0]!.shape)],
    Transpose: ({ inputs, attrs }) => {
      const reversed = inputs[0]!.shape.map((_, i) => i).reverse();
      return [permute(inputs[0]!, intsAttr(attrs, 'perm', reversed))];
    },
    Concat: ({ inputs, attrs }) => {
      const tensors = inputs as Tensor[];
      return [concat(tensors, axisOf(intAttr(attrs, 'axis', 0), tensors[0]!.shape.length))];
    },
    Tile: picked(({ inputs }, shape) => [
      shape.map((d, i) => upTo(d * numbersOf(inputs[1]!)[i]!).map((at) => at % d)),
    ]),
    Split: picked(({ types, attrs }, shape) => {
      const axis = axisOf(intAttr(attrs, 'axis', 0), shape.length);
      let from = 0;
      return types.map((type) => {
        const start = from;
        from += type.shape[axis]!;
        return replaced(
          shape,
          axis,
          upTo(type.shape[axis]!).map((i) => start + i),
        );
      });
    }),
    Slice: picked(({ inputs, attrs, types }, shape) => {
      const ranges = sliceRanges({ inputs, attrs, outputs: types.length, constant: (i) => inputs[i] });
      const lists = shape.map((d) => upTo(d));
      for (const { axis, from, step, count } of ranges) lists[axis] = upTo(count).map((i) => from + i * step);
      return [lists];
    }),
    Gather: ({ inputs, types, attrs }) => {
      const [x, indices] = inputs as [Tensor, Tensor];
      const axis = axisOf(intAttr(attrs, 'axis', 0), x.shape.length);
      const list = numbersOf(indices).map((i) => (i < 0 ? i + x.shape[axis]! : i));
      return [reshape(subgrid(x, replaced(x.shape, axis, list)), types[0]!.shape)];
    },
  }),
);

const EVALUATORS: ReadonlyMap<string, Evaluate> = new Map([
  ...MOVES,
  ...Object.entries<Evaluate>({
    Add: elementwise((x, y) => x + y),
    Sub: elementwise((x, y) => x - y),
    Mul: elementwise((x, y) => x * y),
    Div: divide,
    Mod: remainder,
    Pow: elementwise((x, y) => x ** y),
    Neg: elementwise((x) => -x),
    Abs: elementwise(Math.abs),
    Sign: elementwise(Math.sign),
    Floor: elementwise(Math.floor),
    Ceil: elementwise(Math.ceil),
    Round: elementwise(roundToEven),
    Sqrt: elementwise(Math.sqrt),
    Reciprocal: elementwise((x) => 1 / x),
    Exp: elementwise(Math.exp),
    Log: elementwise(Math.log),
    Min: joined(Math.min),
    Max: joined(Math.max),
    Equal: truth((x, y) => x === y),
    Greater: truth((x, y) => x > y),
    GreaterOrEqual: truth((x, y) => x >= y),
    Less: truth((x, y) => x < y),
    LessOrEqual: truth((x, y) => x <= y),
    And: truth((x, y) => x !== 0 && y !== 0),
    Or: truth((x, y) => x !== 0 || y !== 0),
    Xor: truth((x, y) => x !== y),
    Not: elementwise((x) => Number(x === 0)),
    Where: elementwise((condition, x, y) => (condition ? x : y)),
    Cast: elementwise((x) => x),
    ReduceSum: reduction(0, (sum, x) => sum + x),
    ReduceMean: reduction(
      0,
      (sum, x) => sum + x,
      (sum, n) => sum / n,
    ),
    ReduceProd: reduction(1, (sum, x) => sum * x),
    ReduceMax: reduction(Number.NEGATIVE_INFINITY, (most, x) => Math.max(most, x)),
    ReduceMin: reduction(Number.POSITIVE_INFINITY, (least, x) => Math.min(least, x)),
    Range: ({ inputs, types }) => {
      const [start, , delta] = inputs.map((tensor) => numbersOf(tensor!)[0]!) as [number, number, number];
      const { dtype, shape } = types[0]!;
      return [
        tensorOf(
          dtype,
          shape,
          upTo(shape[0]!).map((i) => start + i * delta),
        ),
      ];
    },
    ConstantOfShape: ({ types, attrs }) => {
      const value = tensorAttr(attrs, 'value');
      const { dtype, shape } = types[0]!;
      const fill = value ? numbersOf(value)[0]! : 0;
      return [tensorOf(dtype, shape, new Array<number>(sizeOf(shape)).fill(fill))];
    },
    NonZero: ({ inputs, types }) => {
      const { shape } = inputs[0]!;
      const found = numbersOf(inputs[0]!).flatMap((x, i) => (x === 0 ? [] : [i]));
      const rows = shape.map((d, axis) =>
        found.map((i) => Math.floor(i / sizeOf(shape.slice(axis + 1))) % d),
      );
      return [tensorOf('int64', types[0]!.shape, rows.flat())];
    },
  }),
]);
