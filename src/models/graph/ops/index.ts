/** The op table: everything a graph may hold. A new op is one row in a family and one line in its numeric test. */
import type { Node, Type } from '../ir.js';
import type { Tensor } from '../tensor.js';
import { activation } from './activation.js';
import { activationVariants } from './activation-variants.js';
import { control } from './control.js';
import { conv } from './conv.js';
import { discrete } from './discrete.js';
import { einsum } from './einsum.js';
import { elementwise } from './elementwise.js';
import { extremum } from './extremum.js';
import { gather } from './gather.js';
import { matmul } from './matmul.js';
import { normalization } from './normalization.js';
import { pad } from './pad.js';
import { pool } from './pool.js';
import { reduce } from './reduce.js';
import { resize } from './resize.js';
import { expectInputs, type OpRule } from './rule.js';
import { shape } from './shape.js';
import { slice } from './slice.js';
import { triangle } from './triangle.js';

export const OPS: ReadonlyMap<string, OpRule> = new Map(
  Object.entries({
    ...elementwise,
    ...activation,
    ...activationVariants,
    ...extremum,
    ...conv,
    ...pool,
    ...matmul,
    ...einsum,
    ...normalization,
    ...resize,
    ...reduce,
    ...shape,
    ...slice,
    ...pad,
    ...gather,
    ...triangle,
    ...discrete,
    ...control,
  }),
);

export interface Lookup {
  typeOf(name: string): Type | undefined;
  constantOf(name: string): Tensor | undefined;
}

/** The rule of an op. Throws, naming the op, where there is none. */
export function ruleOf(op: string): OpRule {
  const rule = OPS.get(op);
  if (!rule) throw new Error(`There is no rule for the op '${op}'`);
  return rule;
}

/** Types of a node's outputs. Throws when the op is unknown or its inputs do not fit. */
export function inferTypes(node: Node, { typeOf, constantOf }: Lookup): Type[] {
  const rule = ruleOf(node.op);
  const [min, max] = rule.arity;
  if (node.inputs.length < min || node.inputs.length > max) {
    throw new Error(
      `expected ${min === max ? min : `${min} to ${max}`} inputs but received ${node.inputs.length}`,
    );
  }
  const inputs = node.inputs.map((name) => (name ? typeOf(name) : undefined));
  expectInputs(rule, (i) => inputs[i] !== undefined);
  const types = rule.infer({
    inputs,
    outputs: node.outputs.length,
    attrs: node.attrs,
    constant: (i) => (node.inputs[i] ? constantOf(node.inputs[i]) : undefined),
  });
  if (types.length !== node.outputs.length) {
    throw new Error(`expected ${types.length} outputs but received ${node.outputs.length}`);
  }
  const wrong = types.find(({ shape }) => shape.some((d) => !Number.isSafeInteger(d) || d < 0));
  if (wrong) throw new Error(`would make the shape [${wrong.shape}], which none can have`);
  return types;
}
