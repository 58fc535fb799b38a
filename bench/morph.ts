/** `npm run bench:morph`: how soon morphs come, alone and while an embedding runs, beside the bare generator. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client } from '../src/cli/client.js';
import { freePort } from '../src/cli/embedded-redis.js';
import type * as ServiceModule from '../src/cli/service.js';
import { loadConfig } from '../src/config.js';
import { IMAGE_FORMATS, type ImageFormat } from '../src/contracts.js';
import { Generator } from '../src/engine/generator.js';
import { encodeTensor } from '../src/images.js';
import { averageStart } from '../src/models/stylegan/start.js';
import { integerOption } from './arguments.js';
import { command } from './command.js';
import { type Load, load } from './load.js';
import { type Streamed, streamed } from './morph/first-byte.js';
import { listedFaces, photoBytes } from './photos.js';
import { progress } from './progress.js';
import { median } from './statistics.js';
import { table } from './table.js';
import { MODELS_DIR, models, ROOT, say } from './workspace.js';

const USAGE = `Usage: npm run bench:morph [-- OPTIONS]

  --rounds N       uncached morphs of each kind, alone and while an embedding runs (default 5)
  --requests N     cached requests (default 20000)
  --connections N  connections they come over (default 8)
  --threads N      threads of a session, ours and the bare one (default 2)
  --json           one JSON object on the last line`;

const FRAMES = 60;
const SIZES = [256, 1024];
const KINDS = SIZES.flatMap((size) => IMAGE_FORMATS.map((format) => ({ size, format })));

interface Options {
  rounds: number;
  requests: number;
  connections: number;
  threads: number;
  json: boolean;
}

interface Kind {
  size: number;
  format: ImageFormat;
  /** Medians in milliseconds: generator and encoder alone, the service alone, the service during an embedding. */
  bareMs: number;
  aloneMs: number;
  busyMs: number;
}

async function main(options: Options): Promise<void> {
  const manifest = await models();
  const session = { device: 'cpu', threads: options.threads } as const;
  const generator = await Generator.load({ modelsDir: MODELS_DIR, manifest, session });
  const latent = averageStart(manifest.averageLatent, manifest.generator.styles);
  // What is measured is the build that users run.
  const { Service } = (await import(join(ROOT, 'dist/cli/service.js'))) as typeof ServiceModule;
  const dataDir = await mkdtemp(join(tmpdir(), 'bench-morph-'));
  const config = {
    ...loadConfig({
      ...process.env,
      LATENTMORPH_MODELS: MODELS_DIR,
      LATENTMORPH_THREADS: String(options.threads),
    }),
    port: await freePort(),
    dataDir,
    logLevel: 'error' as const,
  };
  const service = new Service(config, say);
  try {
    await service.start();
    const bench = new MorphBench(new Client(service.url), service.url);
    await bench.embedPair(dataDir);
    const alone = await bench.uncached('alone', options.rounds, () =>
      generator.render(latent).then((pixels) => ({ pixels, side: generator.resolution })),
    );
    const before = await residentBytes(service.pids.api);
    const cached = await bench.cached(options);
    const after = await residentBytes(service.pids.api);
    const animation = await bench.animation();
    const busy = await bench.whileEmbedding(() => bench.uncached('during an embedding', options.rounds));
    const kinds = KINDS.map((kind, i) => ({
      ...kind,
      bareMs: alone[i]!.bareMs,
      aloneMs: alone[i]!.ms,
      busyMs: busy[i]!.ms,
    }));
    const growth = before !== undefined && after !== undefined ? after - before : undefined;
    print(options, kinds, { cached, growth, animation });
  } finally {
    await service.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

class MorphBench {
  private pair: [string, string] = ['', ''];
  private photo = '';
  /** Lambdas asked for so far: every one is new. */
  private lambdas = 0;

  constructor(
    private readonly client: Client,
    private readonly url: string,
  ) {}

  /** Two latents a few steps from their start: a morph takes as long between any. */
  async embedPair(dataDir: string): Promise<void> {
    const faces = (await listedFaces('tuning')).slice(0, 2);
    const ids: string[] = [];
    for (const face of faces) {
      this.photo = join(dataDir, `${face.id}.jpg`);
      await writeFile(this.photo, await photoBytes(face));
      ids.push(await this.client.embed(this.photo, { preset: 'draft', steps: 1 }));
    }
    for (const id of ids) await this.ended(id);
    this.pair = ids as [string, string];
    await this.asked({ size: 64, format: 'jpeg' });
  }

  /** Medians for every kind; `bare` runs in turns with the service, so that both feel the same machine. */
  async uncached(
    label: string,
    rounds: number,
    bare?: () => Promise<{ pixels: Float32Array; side: number }>,
  ): Promise<{ ms: number; bareMs: number }[]> {
    const bar = progress(`uncached, ${label}`, KINDS.length * rounds);
    const results: { ms: number; bareMs: number }[] = [];
    for (const { size, format } of KINDS) {
      const [times, bareTimes]: [number[], number[]] = [[], []];
      for (let i = 0; i < rounds; i++) {
        times.push(await timed(() => this.asked({ size, format })));
        if (bare)
          bareTimes.push(
            await timed(async () => {
              const { pixels, side } = await bare();
              await encodeTensor(pixels, side, side, { format, size });
            }),
          );
        bar.tick(`${format} ${size} px`);
      }
      results.push({ ms: median(times), bareMs: bare ? median(bareTimes) : 0 });
    }
    bar.stop();
    return results;
  }

  async cached({ requests, connections }: Options): Promise<Load> {
    say(`${requests} cached requests ...`);
    const path = this.path({ size: 256, format: 'webp' });
    await load(path, { requests: 200, connections });
    return load(path, { requests, connections });
  }

  /** Sixty frames at 256 px that nobody has asked for yet. */
  animation(): Promise<Streamed> {
    say('an animation ...');
    const [a, b] = this.pair;
    return streamed(
      `${this.url}/morph/animation?a=${a}&b=${b}&frames=${FRAMES}&size=256&from=0.999&to=0.001`,
    );
  }

  async whileEmbedding<T>(work: () => Promise<T>): Promise<T> {
    const id = await this.client.embed(this.photo, { steps: 5000 });
    try {
      while (!((await this.client.embedding(id)).progress?.step ?? 0)) await pause(200);
      return await work();
    } finally {
      await fetch(`${this.url}/embeddings/${id}`, { method: 'DELETE' });
    }
  }

  private async asked(kind: { size: number; format: ImageFormat }): Promise<void> {
    this.lambdas++;
    const response = await fetch(this.path(kind));
    if (!response.ok) throw new Error(`A morph answered ${response.status}: ${await response.text()}`);
    await response.arrayBuffer();
  }

  private path({ size, format }: { size: number; format: ImageFormat }): string {
    const [a, b] = this.pair;
    return `${this.url}/morph?a=${a}&b=${b}&lambda=${this.lambdas / 1e4}&size=${size}&format=${format}`;
  }

  private async ended(id: string): Promise<void> {
    for (;;) {
      const { state, error } = await this.client.embedding(id);
      if (state === 'succeeded') return;
      if (state !== 'queued' && state !== 'running')
        throw new Error(`An embedding ${state}: ${error?.detail}`);
      await pause(200);
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** Memory of a process, where the system tells. */
async function residentBytes(pid: number | undefined): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

function print(
  { rounds, requests, connections, threads, json }: Options,
  kinds: Kind[],
  { cached, growth, animation }: { cached: Load; growth: number | undefined; animation: Streamed },
): void {
  const ratio = ({ aloneMs, bareMs }: Kind): number => aloneMs / bareMs;
  const busy = ({ busyMs, aloneMs }: Kind): number => busyMs / aloneMs;
  const machine = `${cpus()[0]?.model.trim()}, ${threads} threads`;
  console.log(
    [
      `Medians of ${rounds} uncached morphs in ms. ${machine}`,
      table([
        ['', 'generator and encoder alone', 'uncached', 'ratio', 'during an embedding', 'ratio to idle'],
        ...kinds.map((kind) => [
          `${kind.format} ${kind.size} px`,
          kind.bareMs.toFixed(0),
          kind.aloneMs.toFixed(0),
          ratio(kind).toFixed(2),
          kind.busyMs.toFixed(0),
          busy(kind).toFixed(2),
        ]),
      ]),
      '',
      `Cached, WebP 256 px, ${requests} requests over ${connections} connections: ${cached.rps.toFixed(0)} a second, median ${cached.p50Ms.toFixed(1)} ms, p99 ${cached.p99Ms.toFixed(1)} ms`,
      `Memory of the API meanwhile: ${growth === undefined ? 'not told here' : `${(growth / 2 ** 20).toFixed(1)} MiB more`}`,
      `Animation, WebP 256 px, ${FRAMES} frames: first byte after ${(animation.firstByteMs / 1000).toFixed(2)} s, all ${(animation.bytes / 2 ** 20).toFixed(1)} MiB after ${(animation.totalMs / 1000).toFixed(1)} s`,
    ].join('\n'),
  );
  if (!json) return;
  const result = {
    bench: 'morph',
    cachedRps: cached.rps,
    cachedP99Ms: cached.p99Ms,
    uncachedRatio: median(kinds.map(ratio)),
    busyRatio: median(kinds.map(busy)),
    animation,
    apiGrowthBytes: growth ?? null,
    kinds,
    rounds,
    requests,
    connections,
    machine,
  };
  console.log(JSON.stringify(result));
}

function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      requests: { type: 'string', default: '20000' },
      connections: { type: 'string', default: '8' },
      threads: { type: 'string', default: '2' },
      json: { type: 'boolean', default: false },
    },
  });
  return {
    rounds: integerOption('rounds', values.rounds),
    requests: integerOption('requests', values.requests),
    connections: integerOption('connections', values.connections),
    threads: integerOption('threads', values.threads),
    json: values.json,
  };
}

await command(USAGE, optionsOf, main);
