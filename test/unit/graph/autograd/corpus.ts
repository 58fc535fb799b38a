/** The sweep's graphs: the same ones in every run, several around each op. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { writeOnnx } from '../../../../src/models/graph/write-onnx.js';
import { GENERATORS } from './generators/index.js';
import { build, type Example, programs } from './program.js';

const SEED = 20;
/** Graphs drawn around each op; it may turn up in others, too. */
const EACH = 4;

export interface Entry extends Example {
  /** The op around which the graph was drawn. */
  readonly op: string;
  readonly file: Uint8Array;
  /** SHA-256 of the file and the inputs: golden values stand under it. */
  readonly key: string;
}

export function corpus(): Entry[] {
  return [...GENERATORS.keys()].flatMap((op, i) =>
    fc.sample(programs(op), { seed: SEED + i, numRuns: EACH }).map((program) => {
      const example = build(program);
      const file = writeOnnx(example.forward);
      const hash = createHash('sha256').update(file);
      for (const name of example.forward.inputs) hash.update(example.feeds[name]!);
      return { ...example, op, file, key: hash.digest('hex') };
    }),
  );
}
