/** The geometry of sliding windows shared by convolutions and pooling: sizes, pads, strides over 2 or more axes. */
import type { Attributes } from '../ir.js';
import { intAttr, intsAttr, stringAttr } from './rule.js';

export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Pads before each axis, then after each axis. */
  readonly pads: readonly number[];
}

/** The window that a node's attributes describe. Throws on automatic pads. */
export function windowOf(attrs: Attributes, kernel: readonly number[]): Window {
  const mode = stringAttr(attrs, 'auto_pad', 'NOTSET');
  if (mode !== 'NOTSET' && mode !== 'VALID')
    throw new Error(`expected explicit pads but received auto_pad ${mode}`);
  const ones = kernel.map(() => 1);
  return {
    kernel: intsAttr(attrs, 'kernel_shape', kernel),
    strides: intsAttr(attrs, 'strides', ones),
    dilations: intsAttr(attrs, 'dilations', ones),
    pads: intsAttr(attrs, 'pads', [...kernel, ...kernel].fill(0)),
  };
}

/** Reach of the kernel along an axis: dilation * (kernel - 1) + 1. */
export const reach = (w: Window, axis: number): number => w.dilations[axis]! * (w.kernel[axis]! - 1) + 1;

const padded = (w: Window, axis: number): number => w.pads[axis]! + w.pads[axis + w.kernel.length]!;

/** Output sizes of a window sliding over an input. Throws where nothing is left. */
export function slide(w: Window, sizes: readonly number[], ceil = false): number[] {
  return sizes.map((size, i) => {
    const steps = (size + padded(w, i) - reach(w, i)) / w.strides[i]!;
    const out = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    if (out < 1)
      throw new Error(
        `a window of reach ${reach(w, i)} does not fit an axis of ${size} with pads ${padded(w, i)}`,
      );
    return out;
  });
}

/** Output sizes of the transposed window. */
export function slideBack(w: Window, sizes: readonly number[], outputPadding: readonly number[]): number[] {
  return sizes.map((size, i) => (size - 1) * w.strides[i]! + reach(w, i) - padded(w, i) + outputPadding[i]!);
}

/** What the transposed window must add at the end to give back `sizes`: the rows that the strides skipped. */
export function skipped(w: Window, sizes: readonly number[], out: readonly number[]): number[] {
  return sizes.map(
    (size, i) =>
      size -
      slideBack(
        w,
        out,
        out.map(() => 0),
      )[i]!,
  );
}

/** As node attributes. */
export const windowAttrs = (w: Window): Attributes => ({
  kernel_shape: [...w.kernel],
  strides: [...w.strides],
  dilations: [...w.dilations],
  pads: [...w.pads],
});

export const groupOf = (attrs: Attributes): number => intAttr(attrs, 'group', 1);
