/** Control flow, as emitted around a step; it is not differentiated. */
import { isGraph, valueNamed } from '../ir.js';
import { type OpRule, sameShape, typeAt } from './rule.js';

export const control: Readonly<Record<string, OpRule>> = {
  /** Inputs: trip count, condition, carried values. Body: (i, condition, carried) -> (condition, carried, one slice per scan output). */
  Loop: {
    arity: [2, Number.POSITIVE_INFINITY],
    optional: [0, 1],
    infer: (ctx) => {
      const { body } = ctx.attrs;
      if (body === undefined || !isGraph(body)) throw new Error('expected a graph as the attribute body');
      const carried = ctx.inputs.length - 2;
      if (body.inputs.length !== carried + 2) {
        throw new Error(`expected ${carried + 2} inputs of the body but received ${body.inputs.length}`);
      }
      const outputs = body.outputs.map((name) => valueNamed(body, name));
      for (let i = 0; i < carried; i++) {
        const [before, after] = [typeAt(ctx, i + 2), outputs[i + 1]!];
        if (!sameShape(before.shape, after.shape) || before.dtype !== after.dtype) {
          throw new Error(`carried value ${i} enters as [${before.shape}] and leaves as [${after.shape}]`);
        }
      }
      return outputs.slice(1).map(({ dtype, shape }, i) => ({
        dtype,
        // The number of trips is known only at run time: scan outputs are typed for one.
        shape: i < carried ? shape : [1, ...shape],
      }));
    },
  },
};
