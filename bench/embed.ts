/** `npm run bench:embed`: how soon a photo is embedded, with our default settings and by the paper's protocol. */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_STEPS } from '../src/contracts.js';
import type { ModelManifest } from '../src/models/manifest.js';
import { integerOption } from './arguments.js';
import { command } from './command.js';
import { Judge, type Judgement } from './embed/judge.js';
import type { Mark } from './embed/levels.js';
import { averageStart, PAPER_CHUNK, PAPER_RATE, type PaperCurve, paperCurve } from './embed/paper.js';
import { type OurRun, report } from './embed/report.js';
import { type OurOptions, openProjector, ourRun, PAPER_STEPS, Run, warmUp } from './engine.js';
import { type AlignedPhoto, alignedPhotos, LISTS, type ListName } from './photos.js';
import { progress } from './progress.js';
import { largestDifference, median } from './statistics.js';
import { CACHE, models, say } from './workspace.js';

const USAGE = `Usage: npm run bench:embed [-- OPTIONS]

  --photos LIST        tuning or judging (default judging)
  --limit N            only the first N photos of the list
  --steps N            steps of our runs (default ${DEFAULT_STEPS})
  --paper-steps N      steps of the paper's runs, a multiple of ${PAPER_CHUNK} (default 1000); kept in .cache/bench
  --threads N          threads (default 2)
  --json               one JSON object on the last line`;

/** Loss of the step graph against the judge's, which computes it by the nets themselves. */
const TOLERANCE = 1e-4;
/** Steps of the paper that are timed between two chunks of ours. */
const PROBE = 2;

interface Options {
  photos: ListName;
  limit: number | undefined;
  steps: number;
  paperSteps: number;
  threads: number;
  json: boolean;
}

type Bench = Awaited<ReturnType<typeof open>>;

async function open(manifest: ModelManifest, threads: number) {
  return {
    manifest,
    threads,
    ours: openProjector(manifest, threads),
    paper: openProjector(manifest, threads),
    judge: await Judge.load(manifest, threads),
  };
}

async function main(options: Options): Promise<void> {
  const manifest = await models();
  const photos = await alignedPhotos(options.photos, options.limit);
  say('Opening the sessions ...');
  const bench = await open(manifest, options.threads);
  const curves: PaperCurve[] = [];
  const ours: Record<OurOptions, OurRun>[] = [];
  /** Seconds of single steps of the paper, over all photos. */
  const stepSeconds: number[] = [];
  for (const photo of photos) {
    const judgement = await bench.judge.of(photo.target);
    curves.push(await paperSide(bench, photo, judgement, options.paperSteps));
    const run = async (name: OurOptions): Promise<OurRun> => {
      const { probes, ...rest } = await ourSide(bench, photo, judgement, { name, steps: options.steps });
      stepSeconds.push(...probes);
      return rest;
    };
    ours.push({ defaults: await run('defaults'), alone: await run('alone') });
  }
  const paperStepSeconds = median(stepSeconds);
  const { text, json } = report({
    photos: photos.map(({ id }, i) => ({ id, ours: ours[i]!, curve: curves[i]! })),
    list: options.photos,
    steps: options.steps,
    paperSteps: options.paperSteps,
    paperStepSeconds,
    machine: `${cpus()[0]?.model.trim()}, ${options.threads} threads`,
  });
  console.log(text);
  if (options.json) console.log(JSON.stringify(json));
}

async function paperSide(
  { paper, manifest }: Bench,
  photo: AlignedPhoto,
  judgement: Judgement,
  steps: number,
): Promise<PaperCurve> {
  const bar = progress("the paper's steps", steps / PAPER_CHUNK);
  const onChunk = (note: string) => bar.tick(note);
  try {
    const folder = join(CACHE, 'paper');
    return await paperCurve({ projector: paper, judgement, photo, manifest, steps, folder, onChunk });
  } finally {
    bar.stop();
  }
}

/**
 * Our run, judged after every chunk with the clock stopped. Steps of the paper are timed in between, so that both feel
 * the same machine; the first of them, which computes the features of the photo, is left out.
 */
async function ourSide(
  { ours, paper, manifest, threads }: Bench,
  { id, target }: AlignedPhoto,
  judgement: Judgement,
  { name, steps }: { name: OurOptions; steps: number },
): Promise<OurRun & { probes: number[] }> {
  await warmUp({ projector: ours, manifest }, target, name);
  const start = averageStart(manifest);
  const probe = new Run(paper, target, PAPER_STEPS, start);
  const { losses } = await probe.steps([PAPER_RATE]);
  const { loss } = await judgement(start.latent);
  if (largestDifference(losses, [loss]) > TOLERANCE)
    throw new Error(`The steps start on ${id} at a loss of ${losses[0]}, but it is judged as ${loss}`);
  const probes: number[] = [];
  const marks: Mark[] = [];
  const bar = progress('our steps', steps);
  let elapsed = 0;
  const outcome = await ourRun(
    { projector: ours, manifest, threads },
    target,
    { name, steps },
    async (state, seconds) => {
      elapsed += seconds;
      const verdict = await judgement(state.latent);
      const before = marks.at(-1)?.step ?? 0;
      marks.push({ step: state.step, seconds: elapsed, ...verdict });
      for (let i = 0; i < PROBE; i++) probes.push((await probe.steps([PAPER_RATE])).seconds);
      const note = `${id}, ${name}: LPIPS ${verdict.lpips.toFixed(3)} in ${elapsed.toFixed(0)} s`;
      bar.tick(note, state.step - before);
    },
  );
  bar.stop();
  return { marks, diverged: outcome === 'diverged', probes };
}

function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      photos: { type: 'string', default: 'judging' },
      limit: { type: 'string' },
      steps: { type: 'string', default: String(DEFAULT_STEPS) },
      'paper-steps': { type: 'string', default: '1000' },
      threads: { type: 'string', default: '2' },
      json: { type: 'boolean', default: false },
    },
  });
  const photos = LISTS.find((name) => name === values.photos);
  if (!photos) throw new Error(`Expected ${LISTS.join(' or ')} for --photos but received '${values.photos}'`);
  const paperSteps = integerOption('paper-steps', values['paper-steps']);
  if (paperSteps % PAPER_CHUNK !== 0)
    throw new Error(`Expected a multiple of ${PAPER_CHUNK} for --paper-steps but received ${paperSteps}`);
  return {
    photos,
    limit: values.limit === undefined ? undefined : integerOption('limit', values.limit),
    steps: integerOption('steps', values.steps),
    paperSteps,
    threads: integerOption('threads', values.threads),
    json: values.json,
  };
}

await command(USAGE, optionsOf, main);
