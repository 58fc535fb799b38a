/** What `npm run grad` does, apart from being a process. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { differentiate } from '../models/graph/differentiate.js';
import type { Graph } from '../models/graph/ir.js';
import { readOnnx } from '../models/graph/read-onnx.js';
import { writeOnnx } from '../models/graph/write-onnx.js';

const USAGE = `Usage: npm run grad -- MODEL.onnx --wrt INPUT[,INPUT] --loss OUTPUT -o GRAD.onnx [options]

Writes a model that takes the inputs of MODEL.onnx and gives OUTPUT, which must have one element, and for each INPUT
grad_INPUT, the gradient of OUTPUT for it.
  --dim NAME=SIZE  size of an open axis, by its symbol or as INPUT.AXIS; give it once for each
  --json           one JSON object as the last line
  --help           show this text`;

/** 2 GiB: the most that one Protocol Buffers message holds. */
const MAX_BYTES = 2 ** 31 - 1;

interface Arguments {
  model: string;
  wrt: readonly string[];
  loss: string;
  out: string;
  dims: Readonly<Record<string, number>>;
  json: boolean;
}

/** Throws, with the usage, on missing and malformed arguments. Undefined where only help is asked for. */
function readArguments(argv: readonly string[]): Arguments | undefined {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      wrt: { type: 'string', multiple: true },
      loss: { type: 'string' },
      out: { type: 'string', short: 'o' },
      dim: { type: 'string', multiple: true },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return undefined;
  const wrt = (values.wrt ?? []).flatMap((list) => list.split(',')).filter((name) => name !== '');
  const [model, ...others] = positionals;
  const { loss, out } = values;
  if (!model || others.length > 0 || wrt.length === 0 || !loss || !out)
    throw new Error(`Expected one model, --wrt, --loss and -o.\n\n${USAGE}`);
  return { model, wrt, loss, out, dims: readDims(values.dim ?? []), json: values.json ?? false };
}

function readDims(list: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    list.map((text) => {
      const match = /^(?<name>.+)=(?<size>\d+)$/.exec(text);
      if (!match) throw new Error(`Expected --dim NAME=SIZE, as in --dim N=1, but received '${text}'`);
      return [match.groups!.name!, Number(match.groups!.size)];
    }),
  );
}

const countOps = ({ nodes }: Graph): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { op } of nodes) counts[op] = (counts[op] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
};

const shapesOf = (graph: Graph, names: readonly string[]): Record<string, readonly number[]> =>
  Object.fromEntries(names.map((name) => [name, graph.types.get(name)!.shape]));

const listed = (shapes: Readonly<Record<string, readonly number[]>>): string =>
  Object.entries(shapes)
    .map(([name, shape]) => `${name} [${shape}]`)
    .join(', ');

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(2)} MiB`;

/** Reads a model, differentiates it, writes the result and prints what it holds. Throws what the user must know. */
export function grad(argv: readonly string[], print: (line: string) => void): void {
  const args = readArguments(argv);
  if (!args) {
    print(USAGE);
    return;
  }
  const { model, wrt, loss, out, dims, json } = args;
  const file = readFileSync(model);
  const forward = readOnnx(file, { dims });
  const graph = differentiate(forward, loss, wrt);
  const bytes = writeOnnx(graph);
  if (bytes.length > MAX_BYTES)
    throw new Error(`The model would have ${mebibytes(bytes.length)}, more than one ONNX file can hold`);
  writeFileSync(out, bytes);

  const [before, after] = [countOps(forward), countOps(graph)];
  const [inputs, outputs] = [shapesOf(graph, graph.inputs), shapesOf(graph, graph.outputs)];
  const rows = Object.keys({ ...before, ...after })
    .sort()
    .map((op) => [op, `${before[op] ?? 0}`, `${after[op] ?? 0}`] as const);
  const total = ['total', `${forward.nodes.length}`, `${graph.nodes.length}`] as const;
  const sizes = ['size', mebibytes(file.length), mebibytes(bytes.length)] as const;
  const table = [['op', 'before', 'after'] as const, ...rows, total, sizes];
  const wide = Math.max(...table.map(([op]) => op.length));
  for (const [op, was, is] of table) print(`${op.padEnd(wide)}  ${was.padStart(12)}  ${is.padStart(12)}`);
  print(`\n${out}: ${listed(inputs)} -> ${listed(outputs)}`);
  if (json) {
    const nodes = { before, after };
    print(
      JSON.stringify({
        model,
        out,
        loss,
        wrt,
        inputs,
        outputs,
        nodes,
        bytes: { before: file.length, after: bytes.length },
      }),
    );
  }
}
