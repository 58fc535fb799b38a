/** Our side of `bench:step`, in a process of its own. Arguments: latent.f32, target.f32, threads, learning rate. */
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { readManifest } from '../../src/models/manifest.js';
import { openProjector, PAPER_STEPS, Run, startState } from '../engine.js';
import { floats } from '../floats.js';
import { MODELS_DIR } from '../workspace.js';

const [latent, target, threads, rate] = process.argv.slice(2) as [string, string, string, string];
const projector = openProjector(await readManifest(MODELS_DIR), Number(threads));
const [start, photo] = [floats(await readFile(latent)), floats(await readFile(target))];
console.log(JSON.stringify({ ready: `Node ${process.versions.node}` }));
for await (const line of createInterface({ input: process.stdin })) {
  const run = new Run(projector, photo, PAPER_STEPS, startState(start));
  console.log(JSON.stringify(await run.steps(new Array<number>(Number(line)).fill(Number(rate)))));
}
