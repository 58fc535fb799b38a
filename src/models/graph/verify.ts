/** What a legal graph is. Run after every pass and before a graph is written: the first offending node is named. */
import { describe, type Graph, isGraph, type Type } from './ir.js';
import { inferTypes } from './ops/index.js';
import { sameShape } from './ops/rule.js';
import type { Tensor } from './tensor.js';

interface Scope {
  typeOf(name: string): Type | undefined;
  constantOf(name: string): Tensor | undefined;
}

/** Returns the graph. Throws when a name is used before it is defined or defined twice, or a type is not what its rule says. */
export function verify(graph: Graph, outer?: Scope): Graph {
  const defined = new Set<string>();
  const scope: Scope = {
    typeOf: (name) => (defined.has(name) ? graph.types.get(name) : outer?.typeOf(name)),
    constantOf: (name) => graph.constants.get(name) ?? outer?.constantOf(name),
  };
  const define = (name: string, by: string): void => {
    if (scope.typeOf(name)) throw new Error(`${by} defines '${name}' a second time`);
    if (!graph.types.has(name)) throw new Error(`${by} defines '${name}', which has no type`);
    defined.add(name);
  };
  for (const name of graph.inputs) define(name, `Input of '${graph.name}'`);
  for (const name of graph.constants.keys()) define(name, `Constant of '${graph.name}'`);
  for (const node of graph.nodes) {
    const where = describe(node, scope.typeOf);
    for (const name of node.inputs) {
      if (name && !scope.typeOf(name))
        throw new Error(`${where} reads '${name}', which is not defined before it`);
    }
    for (const attribute of Object.values(node.attrs)) if (isGraph(attribute)) verify(attribute, scope);
    let types: Type[];
    try {
      types = inferTypes(node, scope);
    } catch (error) {
      throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
    node.outputs.forEach((name, i) => {
      define(name, where);
      const [declared, inferred] = [graph.types.get(name)!, types[i]!];
      if (declared.dtype !== inferred.dtype || !sameShape(declared.shape, inferred.shape)) {
        throw new Error(
          `${where} gives '${name}' as ${inferred.dtype} [${inferred.shape}], declared ${declared.dtype} [${declared.shape}]`,
        );
      }
    });
  }
  for (const name of graph.outputs) {
    if (!defined.has(name)) throw new Error(`Output '${name}' of '${graph.name}' is not defined by any node`);
  }
  return graph;
}
