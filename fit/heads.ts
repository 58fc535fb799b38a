/** `npm run fit:heads`: fits what draws images of smaller sides to the full render, and writes assets/heads.*. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { integerOption } from '../bench/arguments.js';
import { progress } from '../bench/progress.js';
import { MODELS_DIR, models, say } from '../bench/workspace.js';
import { openSession, type Session } from '../src/engine/session.js';
import { assetsFolder } from '../src/models/encoder/weights.js';
import { verify } from '../src/models/graph/verify.js';
import { writeOnnx } from '../src/models/graph/write-onnx.js';
import { levelGraph } from '../src/models/heads/level.js';
import { type HeadsInfo, type HeadWeights, packHeads } from '../src/models/heads/weights.js';
import { reduced } from '../src/models/metrics/reduce.js';
import { learningRate } from '../src/models/stylegan/schedule.js';
import { type HeadPlan, headStepGraph, lengthOf, planHeads, weightsOf } from './head-steps.js';
import { type LatentSource, openLatents, readModel } from './latents.js';

const USAGE = `Usage: npm run fit:heads [-- OPTIONS]

  --steps N      steps, a sample of the generator each (default 240)
  --held-out N   samples that the heads are judged by (default 24)
  --seed N       seed of the samples (default 1)
  --threads N    threads (default 2)`;

const SIDES = [256, 128, 64];
/** Heads that are further than this from the full render on average, in LPIPS, are not written. */
const FARTHEST = 0.05;
/** Largest rate, of entries of mean size 1. */
const RATE = 0.02;
/** Added to the seed of samples that are not fitted. */
const UNSEEN = 1000;

interface Options {
  steps: number;
  heldOut: number;
  seed: number;
  threads: number;
}

async function main(options: Options): Promise<void> {
  const { generator } = await models();
  const { heldOut, seed, threads } = options;
  const synthesis = await readModel('synthesis.onnx', { N: 1 });
  const plans = planHeads(synthesis, SIDES);
  const latents = await openLatents(threads);
  const open = (graph: Parameters<typeof writeOnnx>[0]) =>
    openSession(writeOnnx(verify(graph)), { device: 'cpu', threads });

  const session = await open(headStepGraph(synthesis, plans));
  const d = await fit(session, latents, { ...options, length: lengthOf(plans) });
  await session.release();

  let at = 0;
  const fitted = plans.map((plan) => {
    const from = at;
    at += lengthOf([plan]);
    return weightsOf(plan, d.subarray(from, at));
  });
  const lpips = await openSession(join(MODELS_DIR, 'lpips.onnx'), { device: 'cpu', threads });
  const full = await open(synthesis);
  const sessions = await Promise.all(
    plans.map(async ({ side, start }, i) => {
      const of = (weights: HeadWeights) => open(levelGraph(synthesis, side, weights));
      return { side, before: await of(start), after: await of(fitted[i]!) };
    }),
  );
  const distances = sessions.map(() => ({ before: [] as number[], after: [] as number[] }));
  const bar = progress('unseen samples', heldOut);
  for (let index = 0; index < heldOut; index++) {
    const { w, shape } = await latents.draw(seed + UNSEEN, index);
    const feeds = { w: { data: w, shape } };
    const { image } = await full.run(feeds);
    for (const [i, { side, ...heads }] of sessions.entries()) {
      const target = shown(reduced(image!.data, side), side);
      for (const form of ['before', 'after'] as const) {
        const drawn = await heads[form].run(feeds);
        const { distance } = await lpips.run({ a: shown(drawn.image!.data, side), b: target });
        distances[i]![form].push(distance!.data[0]!);
      }
    }
    bar.tick(`sample ${index}`);
  }
  bar.stop();
  await write(options, generator.hash, judged(plans, fitted, distances));
}

/** The vector of all d after the fit. */
async function fit(
  session: Session,
  latents: LatentSource,
  { steps, seed, length }: Options & { length: number },
): Promise<Float32Array> {
  let [d, m, v] = [0, 0, 0].map(() => new Float32Array(length)) as [Float32Array, Float32Array, Float32Array];
  const bar = progress('steps', steps);
  for (let t = 0; t < steps; t++) {
    const { w, shape } = await latents.draw(seed, t);
    const rate = learningRate(t, { steps, peak: RATE });
    const vector = (data: Float32Array) => ({ data, shape: [length] });
    const scalar = (x: number) => ({ data: Float32Array.of(x), shape: [] });
    const out = await session.run({
      w: { data: w, shape },
      d: vector(d),
      m: vector(m),
      v: vector(v),
      lr: scalar(rate),
      t: scalar(t + 1),
    });
    [d, m, v] = [out.d1!.data, out.m1!.data, out.v1!.data];
    bar.tick(Array.from(out.losses!.data, (loss) => loss.toFixed(4)).join(' '));
  }
  bar.stop();
  return d;
}

/** An image as it is shown: no brighter than white, no darker than black. */
const shown = (image: Float32Array, side: number) => ({
  data: image.map((x) => Math.max(-1, Math.min(1, x))),
  shape: [1, 3, side, side],
});

interface Judged {
  info: HeadsInfo['heads'][number];
  weights: HeadWeights;
}

function judged(
  plans: readonly HeadPlan[],
  fitted: readonly HeadWeights[],
  distances: readonly { before: number[]; after: number[] }[],
): Judged[] {
  const likeness = (all: readonly number[]) => ({
    mean: Number((all.reduce((sum, x) => sum + x, 0) / all.length).toFixed(4)),
    max: Number(Math.max(...all).toFixed(4)),
  });
  return plans.map(({ side }, i) => {
    const weights = fitted[i]!;
    const [unfitted, lpips] = [likeness(distances[i]!.before), likeness(distances[i]!.after)];
    const named = [...weights].map(([name, { shape }]) => ({ name, shape: [...shape] }));
    return { info: { side, unfitted, lpips, weights: named }, weights };
  });
}

async function write({ steps, heldOut, seed }: Options, generator: string, all: readonly Judged[]): Promise<void> {
  for (const { side, unfitted, lpips } of all.map(({ info }) => info))
    console.log(
      `${side} px: LPIPS ${lpips.mean} (at most ${lpips.max}); before the fit ${unfitted.mean} (at most ${unfitted.max})`,
    );
  const kept = all.filter(({ info }) => info.lpips.mean <= FARTHEST);
  const file = packHeads(kept.map(({ weights }) => weights));
  const info: HeadsInfo = {
    command: `npm run fit:heads -- --steps ${steps} --held-out ${heldOut} --seed ${seed}`,
    generator,
    sha256: createHash('sha256').update(file).digest('hex'),
    fit: { steps, seed, heldOut },
    heads: kept.map(({ info }) => info),
  };
  const assets = assetsFolder();
  await writeFile(join(assets, 'heads.bin'), file);
  await writeFile(join(assets, 'heads.json'), `${JSON.stringify(info)}\n`);
  say(`${(file.length / 2 ** 20).toFixed(2)} MiB in ${assets}`);
}

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '240' },
    'held-out': { type: 'string', default: '24' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(USAGE);
else
  await main({
    steps: integerOption('steps', values.steps),
    heldOut: integerOption('held-out', values['held-out']),
    seed: integerOption('seed', values.seed, 0),
    threads: integerOption('threads', values.threads),
  });
