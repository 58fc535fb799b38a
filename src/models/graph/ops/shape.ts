/** Ops that move elements without changing them: their gradients move them back. */
import { permute } from '../data.js';
import { f32, sizeOf } from '../tensor.js';
import { zeros } from './resample.js';
import {
  axisOf,
  broadcast,
  commonDtype,
  constantInts,
  type InferContext,
  intAttr,
  intsAttr,
  intsOf,
  type OpRule,
  stringAttr,
  typeAt,
  unbroadcast,
} from './rule.js';

const reshapeBack: OpRule['grad'] = ({ b, inputs, grads }) => [
  b.op('Reshape', [grads[0]!, b.ints(inputs[0]!.shape)]),
];

function sizesOfSplit(ctx: InferContext, size: number): number[] {
  if (ctx.inputs[1]) return constantInts(ctx, 1, 'split sizes');
  const parts = intAttr(ctx.attrs, 'num_outputs', ctx.outputs);
  const each = Math.ceil(size / parts);
  return Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(each, size - i * each)));
}

export const shape: Readonly<Record<string, OpRule>> = {
  Reshape: {
    arity: [2, 2],
    infer: (ctx) => {
      const x = typeAt(ctx, 0);
      const copies = intAttr(ctx.attrs, 'allowzero', 0) === 0;
      const wanted = constantInts(ctx, 1, 'the new shape').map((d, i) =>
        d === 0 && copies ? (x.shape[i] ?? 0) : d,
      );
      const known = wanted.filter((d) => d !== -1).reduce((n, d) => n * d, 1);
      const shape = wanted.map((d) => (d === -1 ? sizeOf(x.shape) / known : d));
      if (sizeOf(shape) !== sizeOf(x.shape) || shape.some((d) => !Number.isInteger(d)))
        throw new Error(`cannot take the shape [${wanted}]`);
      return [{ dtype: x.dtype, shape }];
    },
    grad: reshapeBack,
  },
  Flatten: {
    arity: [1, 1],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      const axis = intAttr(ctx.attrs, 'axis', 1);
      const cut = axis < 0 ? axis + shape.length : axis;
      return [{ dtype, shape: [sizeOf(shape.slice(0, cut)), sizeOf(shape.slice(cut))] }];
    },
    grad: reshapeBack,
  },
  Squeeze: {
    arity: [1, 2],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      const axes = ctx.inputs[1] && constantInts(ctx, 1, 'axes').map((a) => axisOf(a, shape.length));
      for (const a of axes ?? [])
        if (shape[a] !== 1) throw new Error(`cannot squeeze axis ${a} of size ${shape[a]}`);
      return [{ dtype, shape: shape.filter((d, i) => (axes ? !axes.includes(i) : d !== 1)) }];
    },
    grad: reshapeBack,
  },
  Unsqueeze: {
    arity: [2, 2],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      const given = constantInts(ctx, 1, 'axes');
      const rank = shape.length + given.length;
      const axes = given.map((a) => axisOf(a, rank));
      const rest = [...shape];
      return [
        { dtype, shape: Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : rest.shift()!)) },
      ];
    },
    grad: reshapeBack,
  },
  Transpose: {
    arity: [1, 1],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      const perm = intsAttr(ctx.attrs, 'perm', shape.map((_, i) => i).reverse());
      if ([...perm].sort((a, b) => a - b).some((p, i) => p !== i) || perm.length !== shape.length) {
        throw new Error(`expected a permutation of ${shape.length} axes but received [${perm}]`);
      }
      return [{ dtype, shape: perm.map((p) => shape[p]!) }];
    },
    grad: ({ b, inputs, grads, attrs }) => {
      const perm = intsAttr(attrs, 'perm', inputs[0]!.shape.map((_, i) => i).reverse());
      return [b.op('Transpose', [grads[0]!], { perm: perm.map((_, i) => perm.indexOf(i)) })];
    },
  },
  Expand: {
    arity: [2, 2],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      return [{ dtype, shape: broadcast(shape, constantInts(ctx, 1, 'the new shape')) }];
    },
    grad: ({ b, inputs, grads }) => [unbroadcast(b, grads[0]!, inputs[0]!.shape)],
  },
  Tile: {
    arity: [2, 2],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      const repeats = constantInts(ctx, 1, 'repeats');
      if (repeats.length !== shape.length)
        throw new Error(`expected ${shape.length} repeats but received ${repeats.length}`);
      return [{ dtype, shape: shape.map((d, i) => d * repeats[i]!) }];
    },
    // Each axis as (repeats, size), summed over the repeats.
    grad: ({ b, inputs, grads }) => {
      const { shape } = inputs[0]!;
      const repeats = intsOf(b, inputs[1]!, 'repeats');
      const split = shape.flatMap((d, i) => [repeats[i]!, d]);
      const axes = repeats.flatMap((n, i) => (n > 1 ? [2 * i] : []));
      if (axes.length === 0) return [grads[0]!];
      const parts = b.op('Reshape', [grads[0]!, b.ints(split)]);
      const sum = b.op('ReduceSum', [parts, b.ints(axes)], { keepdims: 1 });
      return [b.op('Reshape', [sum, b.ints(shape)])];
    },
  },
  Concat: {
    arity: [1, Number.POSITIVE_INFINITY],
    infer: (ctx) => {
      const first = typeAt(ctx, 0);
      const axis = axisOf(intAttr(ctx.attrs, 'axis', 0), first.shape.length);
      const total = ctx.inputs.reduce((n, _, i) => {
        const { shape } = typeAt(ctx, i);
        const fits =
          shape.length === first.shape.length && shape.every((d, k) => k === axis || d === first.shape[k]);
        if (!fits) throw new Error(`cannot join [${first.shape}] and [${shape}] along axis ${axis}`);
        return n + shape[axis]!;
      }, 0);
      return [{ dtype: commonDtype(ctx), shape: first.shape.map((d, i) => (i === axis ? total : d)) }];
    },
    grad: ({ b, inputs, outputs, grads, attrs, needs }) => {
      const axis = axisOf(intAttr(attrs, 'axis', 0), outputs[0]!.shape.length);
      let from = 0;
      return inputs.map((input, i) => {
        const to = from + input!.shape[axis]!;
        const part = needs(i)
          ? b.op('Slice', [grads[0]!, b.ints([from]), b.ints([to]), b.ints([axis]), b.ints([1])])
          : undefined;
        from = to;
        return part;
      });
    },
  },
  Split: {
    arity: [1, 2],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      const axis = axisOf(intAttr(ctx.attrs, 'axis', 0), shape.length);
      const sizes = sizesOfSplit(ctx, shape[axis]!);
      if (sizes.reduce((n, d) => n + d, 0) !== shape[axis])
        throw new Error(`cannot split size ${shape[axis]} into [${sizes}]`);
      return sizes.map((size) => ({ dtype, shape: shape.map((d, i) => (i === axis ? size : d)) }));
    },
    grad: ({ b, outputs, grads, attrs }) => {
      const parts = outputs.map((out, i) => grads[i] ?? zeros(b, out.shape));
      return [b.op('Concat', parts, { axis: intAttr(attrs, 'axis', 0) })];
    },
  },
  DepthToSpace: {
    arity: [1, 1],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      const s = intAttr(ctx.attrs, 'blocksize', 0);
      const [n, c, h, w] = shape as [number, number, number, number];
      if (shape.length !== 4 || c % (s * s) !== 0)
        throw new Error(`expected [N, C*${s * s}, H, W] but received [${shape}]`);
      return [{ dtype, shape: [n, c / (s * s), h * s, w * s] }];
    },
    // SpaceToDepth orders channels as (block, channel); CRD as (channel, block) needs one more permutation.
    grad: ({ b, inputs, grads, attrs }) => {
      const s = intAttr(attrs, 'blocksize', 0);
      const g = b.op('SpaceToDepth', [grads[0]!], { blocksize: s });
      if (stringAttr(attrs, 'mode', 'DCR') === 'DCR') return [g];
      const c = inputs[0]!.shape[1]! / (s * s);
      const order = permute(
        f32(
          Array.from({ length: c * s * s }, (_, i) => i),
          [s * s, c],
        ),
        [1, 0],
      ).data;
      return [b.op('Gather', [g, b.ints(Array.from(order as Float32Array))], { axis: 1 })];
    },
  },
  SpaceToDepth: {
    arity: [1, 1],
    infer: (ctx) => {
      const { dtype, shape } = typeAt(ctx, 0);
      const s = intAttr(ctx.attrs, 'blocksize', 0);
      const [n, c, h, w] = shape as [number, number, number, number];
      if (shape.length !== 4 || h % s || w % s)
        throw new Error(`expected sides divisible by ${s} but received [${shape}]`);
      return [{ dtype, shape: [n, c * s * s, h / s, w / s] }];
    },
    grad: ({ b, grads, attrs }) => [
      b.op('DepthToSpace', [grads[0]!], { blocksize: intAttr(attrs, 'blocksize', 0) }),
    ],
  },
};
