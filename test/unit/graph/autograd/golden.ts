/** Golden losses and gradients, and how far a differentiated graph is from them. */
import { gradientName } from '../../../../src/models/graph/differentiate.js';
import type { Graph } from '../../../../src/models/graph/ir.js';
import { compile, type Feeds } from '../../../support/run-graph.js';

export interface Golden {
  readonly loss: number;
  /** By input. */
  readonly gradients: Readonly<Record<string, Float32Array>>;
}

export interface Errors {
  /** Of the loss, relative to it, or absolute where it is less than 1. */
  readonly loss: number;
  /** Largest difference of a gradient, relative to its largest entry. */
  readonly gradient: number;
}

export const GOLDEN = new URL('../../../golden/autograd/', import.meta.url);

/** float32 tensor stored as base64 of its little-endian bytes. */
export const unpack = (text: string): Float32Array =>
  new Float32Array(new Uint8Array(Buffer.from(text, 'base64')).buffer);

/**
 * Runs a graph with the outputs that `differentiate` gives it, the loss being called so. NaN is an error without bounds.
 * Where a golden gradient has no entry of size `least`, its errors are relative to that.
 */
export async function errorsOf(graph: Graph, feeds: Feeds, golden: Golden, least = 0): Promise<Errors> {
  const session = await compile(graph);
  try {
    const out = await session.run(feeds);
    const [loss] = out.loss!;
    const gradients = Object.entries(golden.gradients).map(([name, expected]) =>
      gradientError(out[gradientName(name)]!, expected, least),
    );
    return {
      loss: orInfinity(Math.abs(loss! - golden.loss) / Math.max(1, Math.abs(golden.loss))),
      gradient: Math.max(...gradients),
    };
  } finally {
    await session.release();
  }
}

function gradientError(gradient: Float32Array, golden: Float32Array, least: number): number {
  if (gradient.length !== golden.length) {
    throw new Error(`Expected a gradient of ${golden.length} entries but received ${gradient.length}`);
  }
  const differences = golden.map((g, i) => Math.abs(gradient[i]! - g));
  const largest = Math.max(least, ...golden.map(Math.abs));
  const difference = Math.max(...differences);
  return difference === 0 ? 0 : orInfinity(difference / largest);
}

const orInfinity = (x: number): number => (Number.isNaN(x) ? Number.POSITIVE_INFINITY : x);
