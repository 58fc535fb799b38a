/** `npm run bench:quality`: how alike a folder of photos comes out, and what lies between any two of them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EmbedAlone } from '../src/cli/offline/embed-alone.js';
import { type EmbeddingOptions, MORPH_MODES } from '../src/contracts.js';
import { contactSheet } from '../src/images.js';
import { integerOption } from './arguments.js';
import { command } from './command.js';
import { progress } from './progress.js';
import { setEngineEnvironment } from './quality/engine-environment.js';
import { QualityJudge } from './quality/judge.js';
import { embeddingOptions } from './quality/options.js';
import { measuredPair, type PairResult, pairsOf } from './quality/pairs.js';
import { type Embedded, embedded } from './quality/photo.js';
import { report } from './quality/report.js';
import { type Source, sourceName, sourceOption, sourcePhotos } from './quality/source.js';
import { models, ROOT } from './workspace.js';

const USAGE = `Usage: npm run bench:quality [-- OPTIONS]

  --photos DIR     the largest face of each photo in a folder
  --list LIST      tuning or judging (default judging)
  --preset P       preset of the embeddings; left out, the default one
  --steps N        steps, in place of those of the preset
  --limit N        only the first N photos
  --pairs N        morphs between N pairs, in each mode (default as many as photos, 0 for none)
  --threads N      threads (default 2)
  --json           one JSON object on the last line`;

interface Options {
  source: Source;
  embedding: EmbeddingOptions;
  limit: number | undefined;
  pairs: number | undefined;
  threads: number;
  json: boolean;
}

async function main(options: Options): Promise<void> {
  setEngineEnvironment(options.threads);
  const manifest = await models();
  const photos = await sourcePhotos(options.source, options.limit);
  const service = new EmbedAlone();
  const judge = await QualityJudge.load(manifest, options.threads);
  const bench = { manifest, service, judge };
  const done: Embedded[] = [];
  const { steps } = options.embedding;
  const bar = progress('steps', photos.length * steps);
  for (const photo of photos) {
    let at = 0;
    const one = await embedded(bench, photo, options.embedding, ({ step, loss }) => {
      bar.tick(`${photo.id}: loss ${loss.toFixed(0)}`, step - at);
      at = step;
    });
    if (one) done.push(one);
    bar.tick(one ? `${photo.id}: LPIPS ${one.result.lpips.toFixed(3)}` : `${photo.id}: no face`, steps - at);
  }
  bar.stop();
  // Gives its memory back before the morphs.
  await service.close();
  if (done.length === 0) throw new Error('No face was found in any of the photos');
  const pairs = await measuredPairs(judge, done, options.pairs ?? done.length);
  const { preset } = options.embedding;
  const name = [sourceName(options.source), preset ?? 'default'].join('-');
  const { text, json } = report({
    source: sourceName(options.source),
    preset,
    options: options.embedding,
    photos: done.map(({ result }) => result),
    cached: done.filter(({ cached }) => cached).length,
    pairs,
    sheet: await sheetOf(done, name),
    machine: `${cpus()[0]?.model.trim()}, ${options.threads} threads`,
  });
  console.log(text);
  if (options.json) console.log(JSON.stringify(json));
}

async function measuredPairs(
  judge: QualityJudge,
  photos: readonly Embedded[],
  count: number,
): Promise<PairResult[]> {
  const pairs = pairsOf(photos.length, count);
  const results: PairResult[] = [];
  const bar = progress('pairs', pairs.length * MORPH_MODES.length);
  for (const mode of MORPH_MODES) {
    for (const [i, k] of pairs) {
      const [a, b] = [photos[i]!, photos[k]!];
      results.push(await measuredPair(judge, a, b, mode));
      bar.tick(`${a.result.id} to ${b.result.id}, ${mode}`);
    }
  }
  bar.stop();
  return results;
}

/** A row for each photo: itself, the first preview of its projection, the result. Returns the path of the PNG. */
async function sheetOf(photos: readonly Embedded[], name: string): Promise<string> {
  const rows = photos.map(({ result, aligned, start, reconstruction }) => [
    { image: aligned, label: result.id },
    { image: start, label: 'first preview' },
    { image: reconstruction, label: `LPIPS ${result.lpips.toFixed(3)}, ${result.identity.toFixed(2)}` },
  ]);
  const folder = join(ROOT, 'out/quality');
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${name}.png`);
  await writeFile(path, await contactSheet(rows));
  return path;
}

function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      photos: { type: 'string' },
      list: { type: 'string' },
      preset: { type: 'string' },
      steps: { type: 'string' },
      limit: { type: 'string' },
      pairs: { type: 'string' },
      threads: { type: 'string', default: '2' },
      json: { type: 'boolean', default: false },
    },
  });
  const steps = values.steps === undefined ? undefined : integerOption('steps', values.steps);
  return {
    source: sourceOption(values),
    embedding: embeddingOptions({ preset: values.preset, steps }),
    limit: values.limit === undefined ? undefined : integerOption('limit', values.limit),
    pairs: values.pairs === undefined ? undefined : integerOption('pairs', values.pairs, 0),
    threads: integerOption('threads', values.threads),
    json: values.json,
  };
}

await command(USAGE, optionsOf, main);
