/** Convolutions and pools with their pads written out: automatic pads, given output sizes, and sizes rounded up. */
import type { GraphBuilder } from '../builder.js';
import type { Attributes, Value } from '../ir.js';
import { intAttr, intsAttr, stringAttr } from '../ops/rule.js';
import { reach, type Window } from '../ops/window.js';
import { f32, sizeOf } from '../tensor.js';
import { type FileNode, keep } from './file-node.js';

const sum = (x: readonly number[], y: readonly number[]): number[] => x.map((each, i) => each + y[i]!);

/** Total pads divided between the start and the end of each axis; the odd one goes to the end, or with `lower` to the start. */
function divided(totals: readonly number[], lower: boolean): number[] {
  const small = totals.map((t) => Math.floor(t / 2));
  const large = totals.map((t) => Math.ceil(t / 2));
  return lower ? [...large, ...small] : [...small, ...large];
}

/** Pads that give ceil(size / stride) outputs. */
function samePads(w: Window, sizes: readonly number[]): number[] {
  return sizes.map((size, i) => {
    const out = Math.ceil(size / w.strides[i]!);
    return Math.max(0, (out - 1) * w.strides[i]! + reach(w, i) - size);
  });
}

/** Pads of a transposed window, from the output sizes that are asked for: by default the input's times the stride. */
function transposedPads(w: Window, sizes: readonly number[], attrs: Attributes, lower: boolean): number[] {
  const extra = intsAttr(
    attrs,
    'output_padding',
    sizes.map(() => 0),
  );
  const wanted = intsAttr(
    attrs,
    'output_shape',
    sizes.map((size, i) => size * w.strides[i]!),
  ).slice(-sizes.length);
  const totals = sizes.map((size, i) => (size - 1) * w.strides[i]! + extra[i]! + reach(w, i) - wanted[i]!);
  if (totals.some((t) => t < 0)) throw new Error(`cannot reach the output sizes [${wanted}]`);
  return divided(totals, lower);
}

/** What a last window that is only partly filled needs after the end of each axis; it must start before that end. */
function overhang(w: Window, sizes: readonly number[]): number[] {
  return sizes.map((size, i) => {
    const [before, after] = [w.pads[i]!, w.pads[i + sizes.length]!];
    const rest = size + before + after - reach(w, i);
    const steps = Math.ceil(rest / w.strides[i]!);
    const starts = steps * w.strides[i]!;
    return starts >= size + before ? 0 : Math.max(0, starts - rest);
  });
}

/** The node with plain pads, as the rules of convolutions and pools expect it. */
export function withExplicitWindow(b: GraphBuilder, node: FileNode): Value[] {
  const [x, weight] = node.inputs as [Value, Value | undefined];
  const kernel = intsAttr(node.attrs, 'kernel_shape', weight?.shape.slice(2) ?? []);
  const sizes = x.shape.slice(2);
  if (kernel.length !== sizes.length)
    throw new Error(`expected a window over ${sizes.length} axes but received [${kernel}]`);
  const { auto_pad: _a, output_shape: _o, ceil_mode: _c, storage_order: _s, ...attrs } = node.attrs;
  const auto = stringAttr(node.attrs, 'auto_pad', 'NOTSET');
  const bare: Window = {
    kernel,
    strides: intsAttr(
      attrs,
      'strides',
      kernel.map(() => 1),
    ),
    dilations: intsAttr(
      attrs,
      'dilations',
      kernel.map(() => 1),
    ),
    pads: [...kernel, ...kernel].fill(0),
  };
  if (node.op === 'ConvTranspose') {
    const open = node.attrs.output_shape !== undefined || auto.startsWith('SAME');
    // Sizes given without a mode put the odd pad at the start.
    const lower = auto !== 'SAME_UPPER';
    return keep(b, node, {
      attrs: open ? { ...attrs, pads: transposedPads(bare, sizes, node.attrs, lower) } : attrs,
    });
  }
  const same = auto.startsWith('SAME') ? divided(samePads(bare, sizes), auto === 'SAME_LOWER') : undefined;
  const w = { ...bare, pads: same ?? intsAttr(attrs, 'pads', bare.pads) };
  const ceil = intAttr(node.attrs, 'ceil_mode', 0) === 1;
  if (node.op === 'AveragePool')
    return averagePool(b, node, attrs, w, ceil ? overhang(w, sizes) : sizes.map(() => 0));
  if (!ceil) return keep(b, node, { attrs: same ? { ...attrs, pads: same } : attrs });
  const over = overhang(w, sizes);
  return keep(b, node, { attrs: { ...attrs, pads: sum(w.pads, [...sizes.map(() => 0), ...over]) } });
}

/** Pads that count are made by a Pad where others hang over that do not; a dilated average is a convolution. */
function averagePool(
  b: GraphBuilder,
  node: FileNode,
  attrs: Attributes,
  w: Window,
  over: readonly number[],
): Value[] {
  const counts = intAttr(attrs, 'count_include_pad', 0) === 1;
  const [x] = node.inputs as [Value];
  const none = over.map(() => 0);
  const hangs = over.some((o) => o > 0);
  const dilated = w.dilations.some((d) => d > 1);
  const { dilations: _d, ...rest } = attrs;
  if (!dilated && !(hangs && counts))
    return keep(b, node, { attrs: { ...rest, pads: sum(w.pads, [...none, ...over]) } });
  const half = w.pads.length / 2;
  const explicit = [0, 0, ...w.pads.slice(0, half), 0, 0, ...w.pads.slice(half)];
  const padded = counts && w.pads.some((p) => p > 0) ? b.op('Pad', [x, b.ints(explicit)]) : x;
  const pads = sum(padded === x ? w.pads : w.pads.map(() => 0), [...none, ...over]);
  if (!dilated) return keep(b, node, { inputs: [padded], attrs: { ...rest, pads, count_include_pad: 0 } });
  const channels = x.shape[1]!;
  const ones = b.constant(
    f32(new Float32Array(channels * sizeOf(w.kernel)).fill(1), [channels, 1, ...w.kernel]),
  );
  const window = { kernel_shape: [...w.kernel], strides: [...w.strides], dilations: [...w.dilations], pads };
  const sums = b.op('Conv', [padded, ones], { ...window, group: channels });
  const inside = b.constant(
    f32(new Float32Array(sizeOf(padded.shape.slice(2))).fill(1), [1, 1, ...padded.shape.slice(2)]),
  );
  const one = b.constant(f32(new Float32Array(sizeOf(w.kernel)).fill(1), [1, 1, ...w.kernel]));
  return b.ops('Div', [sums, b.op('Conv', [inside, one], window)], {}, node.outputs);
}
