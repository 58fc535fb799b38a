/** Prints `{"ms": N}` for a step at 256 px of a batch whose size is the argument: see `stepMsWithoutTf32`. */
import { TARGET_SIZE } from '../../src/engine/step-model.js';
import { alignedPhotos } from '../photos.js';
import { MODELS_DIR, models } from '../workspace.js';
import { openSides, stepMs } from './steps.js';

const targets = (await alignedPhotos('tuning', Number(process.argv[2]))).map(({ target }) => target);
const options = {
  modelsDir: MODELS_DIR,
  manifest: await models(),
  session: { device: 'cuda', threads: 2 },
} as const;
const sides = await openSides(options, { space: 'pn', precision: 'single', sides: [TARGET_SIZE] }, targets);
const ms = await stepMs(options, sides.get(TARGET_SIZE)!, targets, { rounds: 5, chunk: 10 });
console.log(JSON.stringify({ ms }));
process.exit(0);
