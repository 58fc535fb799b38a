/** NodeProto -> op, names and attributes, as they stand in the file. */
import type { Attribute } from '../ir.js';
import { ATTRIBUTE, ATTRIBUTE_TYPE, GRAPH, NODE, VALUE_INFO } from '../onnx.js';
import { MOST_LEVELS } from './budget.js';
import type { Message } from './message.js';
import { readTensor } from './tensor-proto.js';

export interface NodeInFile {
  readonly op: string;
  /** Empty for ONNX's own ops. */
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs: Readonly<Record<string, Attribute>>;
  /** Graphs among the attributes, as the branches of `If`. */
  readonly graphs: Readonly<Record<string, Message>>;
  /** Attributes whose value is an attribute of the function around, by its name. */
  readonly references: Readonly<Record<string, string>>;
}

export function readNode(message: Message): NodeInFile {
  const op = message.text(NODE.opType);
  const outputs = message.texts(NODE.output);
  const where = `${op} '${outputs[0] ?? message.text(NODE.name)}'`;
  const attrs: Record<string, Attribute> = {};
  const graphs: Record<string, Message> = {};
  const references: Record<string, string> = {};
  for (const attribute of message.messages(NODE.attribute, () => `an attribute of ${where}`)) {
    const name = attribute.text(ATTRIBUTE.name);
    if (attribute.has(ATTRIBUTE.g))
      graphs[name] = attribute.message(ATTRIBUTE.g, `graph '${name}' of ${where}`);
    else if (attribute.has(ATTRIBUTE.refAttrName)) references[name] = attribute.text(ATTRIBUTE.refAttrName);
    else attrs[name] = readAttribute(attribute, `${where}, attribute '${name}'`);
  }
  const domain = message.text(NODE.domain);
  return {
    op,
    domain: domain === 'ai.onnx' ? '' : domain,
    overload: message.text(NODE.overload),
    inputs: message.texts(NODE.input),
    outputs,
    attrs,
    graphs,
    references,
  };
}

/** The value by the attribute's declared type, or by the field that is there in files that leave the type out. */
export function readAttribute(message: Message, where: string): Attribute {
  const has = (field: number, type: number): boolean =>
    message.has(field) || message.int(ATTRIBUTE.type) === type;
  if (has(ATTRIBUTE.i, ATTRIBUTE_TYPE.int)) return message.int(ATTRIBUTE.i);
  if (has(ATTRIBUTE.f, ATTRIBUTE_TYPE.float)) return message.floats(ATTRIBUTE.f)[0] ?? 0;
  if (has(ATTRIBUTE.s, ATTRIBUTE_TYPE.string)) return message.text(ATTRIBUTE.s);
  if (message.has(ATTRIBUTE.t)) return readTensor(message.message(ATTRIBUTE.t, `tensor of ${where}`));
  if (has(ATTRIBUTE.floats, ATTRIBUTE_TYPE.floats)) return message.floats(ATTRIBUTE.floats);
  if (has(ATTRIBUTE.ints, ATTRIBUTE_TYPE.ints)) return message.ints(ATTRIBUTE.ints);
  const type = message.int(ATTRIBUTE.type);
  if (type === 0) return [];
  throw new Error(`${where} has type ${type} of ONNX, which is not supported`);
}

/** Every name that nodes read, inside their graphs too. Throws where those nest too deep. */
export function namesRead(nodes: readonly NodeInFile[], level = 0): Set<string> {
  if (level > MOST_LEVELS) throw new Error(`The model nests branches deeper than ${MOST_LEVELS} levels`);
  const names = new Set<string>();
  for (const { inputs, graphs } of nodes) {
    for (const name of inputs) names.add(name);
    for (const graph of Object.values(graphs)) {
      const inner = graph.messages(GRAPH.node, (i) => `node ${i} of ${graph.what}`).map(readNode);
      for (const name of namesRead(inner, level + 1)) names.add(name);
      for (const output of graph.messages(GRAPH.output, () => `an output of ${graph.what}`))
        names.add(output.text(VALUE_INFO.name));
    }
  }
  return names;
}
