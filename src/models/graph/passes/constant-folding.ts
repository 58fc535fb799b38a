/** f(c1, c2, ..) -> c: what does not depend on an input is computed once, here (fold.ts says which ops and sizes). */
import { fold } from '../fold.js';
import { sizeOf } from '../tensor.js';
import type { Rule } from './rewrite.js';

/** Folds into constants of at most `most` elements: a turned copy of large weights costs more in the file than at start. */
export const foldConstants =
  (most = Number.POSITIVE_INFINITY): Rule =>
  ({ b, node, inputs }) => {
    // Names given to outputs stay; drop-identities removes the others.
    if (node.op === 'Identity') return undefined;
    const renamed = { ...node, inputs: inputs.map((value) => value?.name ?? '') };
    const known = fold(renamed, b);
    if (!known?.every(({ shape }) => sizeOf(shape) <= most)) return undefined;
    return known.map((tensor) => b.constant(tensor));
  };
