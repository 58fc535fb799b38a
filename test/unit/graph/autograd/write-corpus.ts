/**
 * Writes the sweep's graphs for test/golden/autograd/sweep.py: KEY.onnx and KEY.bin, the float32 inputs one after another.
 *
 *     npx tsc -p test/golden/autograd && node out/golden/test/unit/graph/autograd/write-corpus.js out/sweep
 *     venv/bin/python test/golden/autograd/sweep.py out/sweep
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpus } from './corpus.js';

const folder = process.argv[2];
if (!folder) throw new Error('Usage: write-corpus FOLDER');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const entries = corpus();
for (const { key, file, forward, feeds } of entries) {
  writeFileSync(join(folder, `${key}.onnx`), file);
  const inputs = forward.inputs.map((name) => {
    const { buffer, byteOffset, byteLength } = feeds[name]!;
    return Buffer.from(buffer, byteOffset, byteLength);
  });
  writeFileSync(join(folder, `${key}.bin`), Buffer.concat(inputs));
}
console.log(`${entries.length} graphs in ${folder}`);
