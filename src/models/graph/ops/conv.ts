/**
 * Convolutions. The gradient for the input of one is the other kind with the same weights:
 * y = Conv(x, W) gives dL/dx = ConvTranspose(dL/dy, W), which for strides of 1 is again a Conv
 * with the kernel turned by 180 degrees and its channel axes swapped (the fast form, taken where W is constant).
 */
import type { GraphBuilder } from '../builder.js';
import { flip, permute, reshape } from '../data.js';
import type { Attributes, Value } from '../ir.js';
import { sizeOf, type Tensor } from '../tensor.js';
import { type GradContext, type InferContext, intsAttr, type OpRule, typeAt } from './rule.js';
import { groupOf, reach, skipped, slide, slideBack, type Window, windowAttrs, windowOf } from './window.js';

/** Sum over everything but the channel axis: the gradient of a bias. */
function biasGrad(b: GraphBuilder, g: Value): Value {
  const axes = g.shape.map((_, i) => i).filter((i) => i !== 1);
  return b.op('ReduceSum', [g, b.ints(axes)], { keepdims: 0 });
}

/** W [M, C/g, k...] -> [C, M/g, k...] with each kernel reversed. */
function turned(weight: Tensor, group: number): Tensor {
  const [m, c, ...kernel] = weight.shape as [number, number, ...number[]];
  const spatial = kernel.map((_, i) => i + 3);
  const split = reshape(weight, [group, m / group, c, ...kernel]);
  return reshape(flip(permute(split, [0, 2, 1, ...spatial]), spatial), [group * c, m / group, ...kernel]);
}

function convInput(ctx: GradContext, w: Window, group: number): Value {
  const { b, inputs, grads } = ctx;
  const [x, weight] = inputs as [Value, Value];
  const g = grads[0]!;
  const sizes = x.shape.slice(2);
  const extra = skipped(w, sizes, g.shape.slice(2));
  const constant = b.constantOf(weight.name);
  if (constant && w.strides.every((s) => s === 1)) {
    const pads = w.pads.map((p, i) => reach(w, i % sizes.length) - 1 - p);
    if (pads.every((p) => p >= 0)) {
      const back = b.constant(turned(constant, group), b.fresh(`${weight.name}.turned`));
      return b.op('Conv', [g, back], { ...windowAttrs({ ...w, pads }), group });
    }
  }
  return b.op('ConvTranspose', [g, weight], { ...windowAttrs(w), group, output_padding: extra });
}

/** [N, G c, ...] -> [c, G N, ...]: the channels of each group as a batch, its items as channels. */
function channelsAsBatch(b: GraphBuilder, x: Value, group: number): Value {
  const [n, channels, ...sizes] = x.shape as [number, number, ...number[]];
  const spatial = sizes.map((_, i) => i + 2);
  if (group === 1) return b.op('Transpose', [x], { perm: [1, 0, ...spatial] });
  const split = b.op('Reshape', [x, b.ints([n, group, channels / group, ...sizes])]);
  const turned = b.op('Transpose', [split], { perm: [2, 1, 0, ...spatial.map((axis) => axis + 1)] });
  return b.op('Reshape', [turned, b.ints([channels / group, group * n, ...sizes])]);
}

/**
 * dL/dW of y = Conv(x, W): the correlation of x with dL/dy, the batch axis taking the part of the channels,
 * strides and dilations trading places: [c, M, k...] = Conv([c, G N, ...], g^T [M, N, ...]) in G groups of c channels.
 */
function convWeight(
  b: GraphBuilder,
  x: Value,
  g: Value,
  w: Window,
  shape: readonly number[],
  group: number,
): Value {
  const swap = { perm: x.shape.map((_, i) => (i === 0 ? 1 : i === 1 ? 0 : i)) };
  const gt = b.op('Transpose', [g], swap);
  const correlated = b.op('Conv', [channelsAsBatch(b, x, group), gt], {
    group,
    kernel_shape: g.shape.slice(2),
    strides: [...w.dilations],
    dilations: [...w.strides],
    pads: [...w.pads],
  });
  const kernel = shape.slice(2);
  const axes = kernel.map((_, i) => i + 2);
  const cut = b.op('Slice', [
    correlated,
    b.ints(kernel.map(() => 0)),
    b.ints(kernel),
    b.ints(axes),
    b.ints(kernel.map(() => 1)),
  ]);
  return b.op('Transpose', [cut], swap);
}

function checkChannels(ctx: InferContext, channels: number, group: number): void {
  const [x, weight] = [typeAt(ctx, 0), typeAt(ctx, 1)];
  if (x.shape.length !== weight.shape.length || x.shape.length < 3) {
    throw new Error(
      `expected an input and a kernel of equal rank, at least 3, but received [${x.shape}] and [${weight.shape}]`,
    );
  }
  if (x.shape[1] !== channels)
    throw new Error(`expected ${channels} input channels in ${group} groups but received ${x.shape[1]}`);
}

function transposedWindow(attrs: Attributes, kernel: readonly number[]): { window: Window; extra: number[] } {
  if (attrs.output_shape !== undefined) throw new Error('expected explicit pads but received output_shape');
  return {
    window: windowOf(attrs, kernel),
    extra: intsAttr(
      attrs,
      'output_padding',
      kernel.map(() => 0),
    ),
  };
}

export const conv: Readonly<Record<string, OpRule>> = {
  Conv: {
    arity: [2, 3],
    infer: (ctx) => {
      const [x, weight] = [typeAt(ctx, 0), typeAt(ctx, 1)];
      const group = groupOf(ctx.attrs);
      checkChannels(ctx, weight.shape[1]! * group, group);
      const window = windowOf(ctx.attrs, weight.shape.slice(2));
      return [{ dtype: x.dtype, shape: [x.shape[0]!, weight.shape[0]!, ...slide(window, x.shape.slice(2))] }];
    },
    grad: (ctx) => {
      const { b, inputs, grads, attrs, needs } = ctx;
      const [x, weight] = inputs as [Value, Value];
      const group = groupOf(attrs);
      const window = windowOf(attrs, weight.shape.slice(2));
      return [
        needs(0) ? convInput(ctx, window, group) : undefined,
        needs(1) ? convWeight(b, x, grads[0]!, window, weight.shape, group) : undefined,
        needs(2) ? biasGrad(b, grads[0]!) : undefined,
      ];
    },
  },
  ConvTranspose: {
    arity: [2, 3],
    infer: (ctx) => {
      const [x, weight] = [typeAt(ctx, 0), typeAt(ctx, 1)];
      const group = groupOf(ctx.attrs);
      checkChannels(ctx, weight.shape[0]!, group);
      const { window, extra } = transposedWindow(ctx.attrs, weight.shape.slice(2));
      return [
        {
          dtype: x.dtype,
          shape: [x.shape[0]!, weight.shape[1]! * group, ...slideBack(window, x.shape.slice(2), extra)],
        },
      ];
    },
    grad: ({ b, inputs, grads, attrs, needs }) => {
      const [x, weight] = inputs as [Value, Value];
      const group = groupOf(attrs);
      const { window } = transposedWindow(attrs, weight.shape.slice(2));
      const g = grads[0]!;
      const dx = needs(0) ? b.op('Conv', [g, weight], { ...windowAttrs(window), group }) : undefined;
      if (dx && sizeOf(dx.shape) !== sizeOf(x.shape))
        throw new Error(`gradient [${dx.shape}] does not fit [${x.shape}]`);
      return [
        dx,
        // The roles of x and dL/dy are swapped: the correlation of dL/dy with x.
        needs(1) ? convWeight(b, g, x, window, weight.shape, group) : undefined,
        needs(2) ? biasGrad(b, g) : undefined,
      ];
    },
  },
};
