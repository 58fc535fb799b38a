/** `npm run bench:sizes`: what an image of each size costs, and how near it comes to the whole one reduced. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openLatents, readModel } from '../fit/latents.js';
import { openSession, type Session } from '../src/engine/session.js';
import { startLatent } from '../src/engine/start.js';
import { writeOnnx } from '../src/models/graph/write-onnx.js';
import { levelGraph } from '../src/models/heads/level.js';
import { readHeads } from '../src/models/heads/weights.js';
import type { ModelManifest } from '../src/models/manifest.js';
import { reduced } from '../src/models/metrics/reduce.js';
import { morph } from '../src/models/morph.js';
import { integerOption } from './arguments.js';
import { command } from './command.js';
import { floats } from './floats.js';
import { alignedPhotos } from './photos.js';
import { progress } from './progress.js';
import { median } from './statistics.js';
import { macsOf } from './step/macs.js';
import { table } from './table.js';
import { MODELS_DIR, models } from './workspace.js';

const USAGE = `Usage: npm run bench:sizes [-- OPTIONS]

  --samples N    samples of the generator (default 12)
  --latents DIR  W+ latents of projections, *.f32, in place of the encoder's for the tuning photos
  --rounds N     rounds of timed images, all sizes in turn (default 10)
  --threads N    threads (default 2)`;

/** Larger images are judged at this side, the one at which papers report LPIPS. */
const LARGEST_JUDGED = 256;
/** Seed of samples that no fit takes. */
const SEED = 31_337;

interface Options {
  samples: number;
  latents: string | undefined;
  rounds: number;
  threads: number;
}

interface Level {
  side: number;
  session: Session;
  macs: number;
  /** Bytes that the process grew by until the first image was there. */
  memory: number;
}

async function main(options: Options): Promise<void> {
  const { threads, rounds } = options;
  const manifest = await models();
  const latents = [
    { name: 'samples', latents: await samples(options) },
    ...(await photos(options, manifest)),
  ];
  const levels = await openLevels(manifest, threads, latents[0]!.latents[0]!);
  const feeds = (latent: Float32Array) => ({ w: { data: latent, shape: [1, 16, 512] } });

  const times = levels.map((): number[] => []);
  const bar = progress('rounds', rounds);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { session }] of levels.entries()) {
      const begun = performance.now();
      await session.run(feeds(latents[0]!.latents[0]!));
      times[i]!.push(performance.now() - begun);
    }
    bar.tick('');
  }
  bar.stop();

  const lpips = await openSession(join(MODELS_DIR, 'lpips.onnx'), { device: 'cpu', threads });
  const columns: string[][] = [];
  for (const { name, latents: list } of latents) {
    const distances = levels.map((): number[] => []);
    const images = progress(name, list.length);
    for (const latent of list) {
      const whole = (await levels[0]!.session.run(feeds(latent))).image!.data;
      for (const [i, { side, session }] of levels.entries()) {
        const at = Math.min(side, LARGEST_JUDGED);
        const image = i === 0 ? whole : (await session.run(feeds(latent))).image!.data;
        const { distance } = await lpips.run({
          a: shown(reduced(image, at), at),
          b: shown(reduced(whole, at), at),
        });
        distances[i]!.push(distance!.data[0]!);
      }
      images.tick('');
    }
    images.stop();
    columns.push([
      `LPIPS ${name}`,
      ...distances.map((all) => `${mean(all).toFixed(4)}, ${Math.max(...all).toFixed(4)}`),
    ]);
  }
  const ratios = times.map((own) => median(own.map((time, round) => time / times[0]![round]!)));
  const [whole] = levels as [Level];
  const head = ['side', 'MACs', 'time', 'ms', 'MiB', ...columns.map(([name]) => name!)];
  const rows = levels.map(({ side, macs, memory }, i) => [
    String(side),
    `${((100 * macs) / whole.macs).toFixed(0)} %`,
    ratios[i]!.toFixed(2),
    median(times[i]!).toFixed(0),
    (memory / 2 ** 20).toFixed(0),
    ...columns.map((column) => column[i + 1]!),
  ]);
  console.log(table([head, ...rows]));
  console.log(
    'LPIPS (VGG) against the whole image reduced by means, at 256 px or the side itself: mean, largest.',
  );
}

/** The whole image first, then the smaller ones; every session has drawn once. */
async function openLevels(manifest: ModelManifest, threads: number, latent: Float32Array): Promise<Level[]> {
  const { info, heads } = readHeads();
  const { hash, resolution } = manifest.generator;
  if (info.generator !== hash) throw new Error(`The heads belong to another generator: ${info.command}`);
  const levels: Level[] = [];
  for (const side of [resolution, resolution / 2, ...heads.keys()]) {
    const synthesis = await readModel('synthesis.onnx', { N: 1 });
    // The whole image as the engine draws it.
    const graph = side === resolution ? synthesis : levelGraph(synthesis, side, heads.get(side));
    const model = writeOnnx(graph);
    global.gc?.();
    const before = process.memoryUsage.rss();
    const session = await openSession(model, { device: 'cpu', threads });
    await session.run({ w: { data: latent, shape: [1, 16, 512] } });
    levels.push({ side, session, macs: macsOf(graph), memory: process.memoryUsage.rss() - before });
  }
  return levels;
}

async function samples({ samples: count, threads }: Options): Promise<Float32Array[]> {
  const source = await openLatents(threads);
  const drawn: Float32Array[] = [];
  for (let i = 0; i < count; i++) drawn.push((await source.draw(SEED, i)).w);
  await source.release();
  return drawn;
}

/** Latents of photos, and morphs between each and the next: half-way, and with the styles crossed in the middle. */
async function photos(
  { latents: folder, threads }: Options,
  manifest: ModelManifest,
): Promise<{ name: string; latents: Float32Array[] }[]> {
  const all: Float32Array[] = [];
  if (folder) {
    const files = (await readdir(folder)).filter((name) => name.endsWith('.f32')).sort();
    for (const name of files) all.push(floats(await readFile(join(folder, name))));
  } else {
    const options = { modelsDir: MODELS_DIR, manifest, session: { device: 'cpu' as const, threads } };
    for (const { target } of await alignedPhotos('tuning'))
      all.push((await startLatent(options, { start: 'encoder', target, styles: 16 })).latent);
  }
  const shape = { layers: 16, dim: 512 };
  const next = (i: number) => all[(i + 1) % all.length]!;
  const half = all.map((a, i) => morph(a, next(i), shape, { mode: 'linear', lambda: 0.5, crossover: 0 }));
  const crossed = all.map((a, i) => morph(a, next(i), shape, { mode: 'style', lambda: 1, crossover: 8 }));
  return [
    { name: 'photos', latents: all },
    { name: 'half-way', latents: half },
    { name: 'crossed', latents: crossed },
  ];
}

/** An image as it is shown: no brighter than white, no darker than black. */
const shown = (image: Float32Array, side: number) => ({
  data: image.map((x) => Math.max(-1, Math.min(1, x))),
  shape: [1, 3, side, side],
});

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      samples: { type: 'string', default: '12' },
      latents: { type: 'string' },
      rounds: { type: 'string', default: '10' },
      threads: { type: 'string', default: '2' },
    },
  });
  return {
    samples: integerOption('samples', values.samples),
    latents: values.latents,
    rounds: integerOption('rounds', values.rounds),
    threads: integerOption('threads', values.threads),
  };
}

await command(USAGE, optionsOf, main);
