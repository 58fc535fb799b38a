/** Identity(x) -> x, so that rules see producers and not the names that sub-graphs gave their outputs. */
import type { Rule } from './rewrite.js';

export const dropIdentities: Rule = ({ node, inputs, isOutput }) =>
  node.op === 'Identity' && !isOutput(node.outputs[0]!) ? [inputs[0]!] : undefined;
