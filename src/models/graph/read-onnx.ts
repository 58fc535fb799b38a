/** ONNX file -> Graph. Every value is typed again by our own rules; what the file says of inner shapes is not trusted. */
import { type Attribute, describe, type Graph, type Value } from './ir.js';
import {
  ATTRIBUTE,
  DIMENSION,
  dtypeOfCode,
  FUNCTION,
  GRAPH,
  MODEL,
  OPSET_ID,
  SHAPE,
  TENSOR,
  TENSOR_TYPE,
  TYPE,
  VALUE_INFO,
} from './onnx.js';
import { NotConstant } from './ops/rule.js';
import { prune } from './passes/rewrite.js';
import { Budget } from './read/budget.js';
import { Message } from './read/message.js';
import { type NodeInFile, namesRead, readAttribute, readNode } from './read/node-proto.js';
import { ReadingBuilder } from './read/reading-builder.js';
import { readTensor } from './read/tensor-proto.js';
import { OPTIONAL_OUTPUTS, upgrade } from './read/upgrade.js';
import { whyNotConstant } from './read/why-not-constant.js';
import { numbersOf } from './tensor.js';

export interface ReadOptions {
  /** Sizes of open axes by their symbol, e.g. `{ N: 1 }`, or by input and axis, e.g. `{ 'x.0': 1 }`. */
  dims?: Readonly<Record<string, number>>;
}

const SUPPORTED_OPSETS = { min: 17, max: 21 };

/** What names mean in a list of nodes: the graph's, a branch's or a function's. */
interface Scope {
  readonly values: Map<string, Value>;
  /** Attributes that the function was called with. */
  readonly attrs: Readonly<Record<string, Attribute>>;
  readonly opset: number;
  /** Functions and branches around. */
  readonly level: number;
}

/**
 * Reads an ONNX model of opset 17 to 21 with all data inside the file. Shape arithmetic is computed for the sizes of
 * the inputs, functions of the model and decided branches are put in place, older and composite ops are rewritten.
 * Throws on a malformed file, other opsets or domains, external data, open axes and unknown ops, naming each.
 */
export function readOnnx(bytes: Uint8Array, options: ReadOptions = {}): Graph {
  // A Buffer's slice shares memory, and a tensor is copied out by slicing.
  const model = new Message(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), 'the model');
  const graph = model.message(MODEL.graph, 'graph');
  return new Reader(model, graph, options.dims ?? {}, new Budget(bytes.byteLength)).read();
}

class Reader {
  private readonly b: ReadingBuilder;
  private readonly opset: number;
  private readonly functions: ReadonlyMap<string, Message>;

  constructor(
    model: Message,
    private readonly graph: Message,
    private readonly dims: Readonly<Record<string, number>>,
    private readonly budget: Budget,
  ) {
    this.opset = defaultOpset(model, MODEL.opsetImport);
    const functions = model.messages(MODEL.functions, (i) => `function ${i}`);
    this.functions = new Map(functions.map((f) => [nameOfFunction(f), f]));
    const names = this.nodesOf(graph).flatMap(({ inputs, outputs }) => [...inputs, ...outputs]);
    this.b = new ReadingBuilder(graph.text(GRAPH.name) || 'graph', budget);
    this.b.reserve(names);
  }

  read(): Graph {
    const scope: Scope = { values: new Map(), attrs: {}, opset: this.opset, level: 0 };
    this.readConstants(this.graph, scope);
    for (const info of this.graph.messages(GRAPH.input, (i) => `input ${i}`)) {
      const name = info.text(VALUE_INFO.name);
      // An input with a stored default is a constant.
      if (scope.values.has(name)) continue;
      const { dtype, shape } = this.typeOfInput(info, name);
      scope.values.set(name, this.b.input(name, dtype, shape));
    }
    const outputs = outputNames(this.graph);
    this.readNodes(this.nodesOf(this.graph), scope, outputs);
    for (const name of outputs) {
      const value = scope.values.get(name);
      if (!value) throw new Error(`Output '${name}' is not defined by any node`);
      this.b.output(value, name);
    }
    return prune(this.b.build());
  }

  private nodesOf(graph: Message): NodeInFile[] {
    return graph.messages(GRAPH.node, (i) => `node ${i} of the ${graph.what}`).map(readNode);
  }

  private readConstants(graph: Message, scope: Scope): void {
    if (graph.has(GRAPH.sparseInitializer))
      throw new Error(`The ${graph.what} has sparse constants, which are not supported`);
    for (const message of graph.messages(GRAPH.initializer, (i) => `constant ${i}`)) {
      const name = message.text(TENSOR.name);
      const free = this.b.typeOf(name) ? this.b.fresh(name) : name;
      scope.values.set(name, this.b.constant(readTensor(message), free));
    }
  }

  private readNodes(nodes: readonly NodeInFile[], scope: Scope, wanted: readonly string[]): void {
    const read = namesRead(nodes);
    for (const name of wanted) read.add(name);
    for (const node of nodes) {
      const inputs = node.inputs.map((name) => {
        const value = name ? scope.values.get(name) : undefined;
        if (name && !value)
          throw new Error(`${node.op} '${node.outputs[0]}' reads '${name}', which is not defined before it`);
        return value;
      });
      // Outputs that nothing reads, as the mask of a dropout, need not be made.
      const outputs = node.outputs.map((name) => (read.has(name) ? name : ''));
      while (OPTIONAL_OUTPUTS.has(node.op) && outputs.length > 1 && outputs.at(-1) === '') outputs.pop();
      const values = this.readCall(node, inputs, outputs, scope);
      for (const [i, name] of outputs.entries()) if (name) scope.values.set(name, values[i]!);
    }
  }

  /** The outputs of a node: of a function's body, of the branch that is taken, or of an op. */
  private readCall(
    node: NodeInFile,
    inputs: readonly (Value | undefined)[],
    outputs: readonly string[],
    scope: Scope,
  ): Value[] {
    this.budget.takeNode(scope.level);
    const attrs = { ...node.attrs };
    for (const [name, from] of Object.entries(node.references)) {
      const value = scope.attrs[from];
      if (value !== undefined) attrs[name] = value;
    }
    const where = describe({ ...node, inputs: inputs.map((value) => value?.name ?? '') }, (name) =>
      this.b.typeOf(name),
    );
    const body = this.functions.get([node.domain, node.op, node.overload].join(':'));
    if (body) return this.readFunction(body, inputs, attrs, scope.level + 1);
    if (node.domain !== '') {
      throw new Error(
        `${where}: there is no rule for ops of the domain '${node.domain}', and the model holds no function of that name`,
      );
    }
    if (node.op === 'If') return this.readBranch(node, inputs[0], where, scope);
    const [graph] = Object.keys(node.graphs);
    if (graph) throw new Error(`${where}: sub-graphs are not supported (attribute '${graph}')`);
    try {
      return upgrade(this.b, { op: node.op, inputs, outputs, attrs }, scope.opset);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const told = reason.startsWith(where) ? reason : `${where}: ${reason}`;
      const root = error instanceof Error && error.cause ? error.cause : error;
      const advice = root instanceof NotConstant ? whyNotConstant(this.b, inputs[root.input]) : '';
      throw new Error(told + advice, { cause: error });
    }
  }

  private readBranch(node: NodeInFile, condition: Value | undefined, where: string, scope: Scope): Value[] {
    const known = condition && this.b.constantOf(condition.name);
    if (!known)
      throw new Error(`${where}: the condition is known only at run time, so that no branch can be taken`);
    const branch = node.graphs[numbersOf(known)[0] ? 'then_branch' : 'else_branch'];
    if (!branch) throw new Error(`${where}: a branch is missing`);
    const inner: Scope = { ...scope, values: new Map(scope.values), level: scope.level + 1 };
    this.readConstants(branch, inner);
    const outputs = outputNames(branch);
    this.readNodes(this.nodesOf(branch), inner, outputs);
    return outputs.map((name) => inner.values.get(name)!);
  }

  private readFunction(
    body: Message,
    inputs: readonly (Value | undefined)[],
    given: Readonly<Record<string, Attribute>>,
    level: number,
  ): Value[] {
    const defaults = body.messages(FUNCTION.attributeProto, () => `a default of the ${body.what}`);
    const attrs = {
      ...Object.fromEntries(
        defaults.map((message) => {
          const name = message.text(ATTRIBUTE.name);
          return [name, readAttribute(message, `the ${body.what}, attribute '${name}'`)];
        }),
      ),
      ...given,
    };
    const values = new Map<string, Value>();
    for (const [i, name] of body.texts(FUNCTION.input).entries()) if (inputs[i]) values.set(name, inputs[i]);
    const scope: Scope = { values, attrs, opset: defaultOpset(body, FUNCTION.opsetImport), level };
    const outputs = body.texts(FUNCTION.output);
    const nodes = body.messages(FUNCTION.node, (i) => `node ${i} of the ${body.what}`).map(readNode);
    this.readNodes(nodes, scope, outputs);
    return outputs.map((name) => values.get(name)!);
  }

  private typeOfInput(info: Message, name: string) {
    const type = info.message(VALUE_INFO.type, `type of the input '${name}'`);
    if (!type.has(TYPE.tensorType)) throw new Error(`The input '${name}' is no tensor`);
    const tensor = type.message(TYPE.tensorType, `tensor type of the input '${name}'`);
    const code = tensor.int(TENSOR_TYPE.elemType);
    const dtype = dtypeOfCode(code);
    if (!dtype)
      throw new Error(`The input '${name}' has element type ${code} of ONNX, which is not supported`);
    const dims = tensor
      .message(TENSOR_TYPE.shape, `shape of the input '${name}'`)
      .messages(SHAPE.dim, (axis) => `axis ${axis} of the input '${name}'`);
    const shape = dims.map((dim, axis) => {
      const symbol = dim.text(DIMENSION.param);
      const size = dim.has(DIMENSION.value)
        ? dim.int(DIMENSION.value)
        : (this.dims[`${name}.${axis}`] ?? this.dims[symbol]);
      if (size === undefined) {
        const key = symbol || `${name}.${axis}`;
        throw new Error(
          `Axis ${axis} of input '${name}' is open ('${symbol || '?'}'): give its size, as in --dim '${key}=1'`,
        );
      }
      if (!Number.isSafeInteger(size) || size < 0)
        throw new Error(`Axis ${axis} of input '${name}' cannot have the size ${size}`);
      return size;
    });
    return { dtype, shape };
  }
}

const outputNames = (graph: Message): string[] =>
  graph.messages(GRAPH.output, (i) => `output ${i} of the ${graph.what}`).map((m) => m.text(VALUE_INFO.name));

const nameOfFunction = (f: Message): string =>
  [f.text(FUNCTION.domain), f.text(FUNCTION.name), f.text(FUNCTION.overload)].join(':');

/** The version of ONNX's own ops that a model or function asks for. */
function defaultOpset(message: Message, field: number): number {
  const imports = message.messages(field, (i) => `opset import ${i} of ${message.what}`);
  const standard = imports.find((each) => ['', 'ai.onnx'].includes(each.text(OPSET_ID.domain)));
  if (!standard) throw new Error(`Not a readable ONNX file: ${message.what} names no opset of ONNX`);
  const version = standard.int(OPSET_ID.version);
  if (version < SUPPORTED_OPSETS.min || version > SUPPORTED_OPSETS.max) {
    throw new Error(
      `Expected an opset from ${SUPPORTED_OPSETS.min} to ${SUPPORTED_OPSETS.max} but received ${version}: export the model again with one of them, or convert it by onnx.version_converter`,
    );
  }
  return version;
}
