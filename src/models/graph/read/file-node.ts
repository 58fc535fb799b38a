/** A node of a file as upgrades see it: its inputs are values already. */
import type { GraphBuilder } from '../builder.js';
import type { Attributes, Value } from '../ir.js';

export interface FileNode {
  readonly op: string;
  readonly inputs: readonly (Value | undefined)[];
  /** Empty where nothing reads the output. */
  readonly outputs: readonly string[];
  readonly attrs: Attributes;
}

export type Rewrite = (b: GraphBuilder, node: FileNode, opset: number) => Value[];

/** The node as it stands, or with other attributes or inputs. */
export const keep = (b: GraphBuilder, node: FileNode, changed: Partial<FileNode> = {}): Value[] => {
  const { op, inputs, attrs, outputs } = { ...node, ...changed };
  return b.ops(op, inputs, attrs, outputs);
};
