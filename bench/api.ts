/** `npm run bench:api`: what the API costs beside decoding a photo and beside a bare HTTP server. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { DEFAULT_STEPS } from '../src/contracts.js';
import { encodeUpright, sniffPhoto } from '../src/images.js';
import { type ApiProcess, startApi } from './api/service.js';
import { integerOption } from './arguments.js';
import { command } from './command.js';
import { type Load, load } from './load.js';
import { listedFaces, photoBytes } from './photos.js';
import { progress } from './progress.js';
import { median } from './statistics.js';
import { table } from './table.js';
import { models, say } from './workspace.js';

const USAGE = `Usage: npm run bench:api [-- OPTIONS]

  --rounds N       photos accepted (default 30)
  --requests N     status reads in each turn (default 10000)
  --turns N        turns of status reads (default 3)
  --connections N  connections they come over (default 8)
  --json           one JSON object on the last line`;

const PHOTO_BYTES = 2e6;

interface Options {
  rounds: number;
  requests: number;
  turns: number;
  connections: number;
  json: boolean;
}

/** Medians in milliseconds. */
interface Accepting {
  /** Checking the photo by decoding it small, and encoding it upright, as the API does, in this process. */
  decodeMs: number;
  /** `POST /embeddings` and one look at the state. */
  acceptMs: number;
  /** The difference, round by round. */
  overheadMs: number;
}

interface StatusReads {
  state: string;
  bytes: number;
  api: Load;
  /** A bare server of node that answers the same bytes, through the same loader. */
  bare: Load;
}

async function main(options: Options): Promise<void> {
  await models();
  const photo = await photoOf(PHOTO_BYTES);
  const landmarks = Array.from({ length: 68 }, (_, i): [number, number] => [900 + i, 1200 + i]);
  const face = { box: { x: 800, y: 900, width: 900, height: 900 }, score: 0.99, landmarks };
  const api = await startApi({ width: 2400, height: 3000, faces: [face] });
  try {
    const { ids, ...accepting } = await accept(api, photo, options);
    const reads = [await statusReads(api, ids[0]!, options)];
    await project(api, ids[1]!);
    reads.push(await statusReads(api, ids[1]!, options));
    print(options, photo.length, accepting, reads);
  } finally {
    await api.stop();
  }
}

/** A real photo, enlarged until its JPEG has about so many bytes. */
async function photoOf(bytes: number): Promise<Buffer> {
  const [first] = await listedFaces('tuning');
  const original = await photoBytes(first!);
  for (let width = 1500; ; width += 100) {
    const photo = await sharp(original).resize({ width }).jpeg({ quality: 98 }).toBuffer();
    if (photo.length >= bytes) return photo;
  }
}

async function accept(
  api: ApiProcess,
  photo: Buffer,
  { rounds }: Options,
): Promise<Accepting & { ids: string[] }> {
  const bar = progress('photos accepted', rounds);
  const [decode, accept, overhead]: number[][] = [[], [], []];
  const ids: string[] = [];
  // The first two are a warm-up.
  for (let i = -2; i < rounds; i++) {
    const decodeMs = await timed(async () => {
      await sniffPhoto(photo);
      await encodeUpright(photo);
    });
    const acceptMs = await timed(async () => {
      const { id } = await asked<{ id: string }>(api, '/embeddings', photo);
      await asked(api, `/embeddings/${id}`);
      ids.push(id);
    });
    if (i < 0) continue;
    decode!.push(decodeMs);
    accept!.push(acceptMs);
    overhead!.push(acceptMs - decodeMs);
    bar.tick('');
  }
  bar.stop();
  return { ids, decodeMs: median(decode!), acceptMs: median(accept!), overheadMs: median(overhead!) };
}

async function asked<T>({ url, headers }: ApiProcess, path: string, photo?: Buffer): Promise<T> {
  const body = photo && new FormData();
  body?.set('image', new Blob([new Uint8Array(photo!)]), 'photo.jpg');
  const response = await fetch(url + path, { method: body ? 'POST' : 'GET', headers, body: body ?? null });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

/** Runs the projection of an embedding to its end, as far as its record tells. */
async function project({ records }: ApiProcess, id: string): Promise<void> {
  const losses = Array.from({ length: DEFAULT_STEPS }, (_, i) => 6000 + 20_000 / (i + 1));
  await records.begin(id, 1);
  await records.progress(id, 1, { losses, generator: { name: 'generator', hash: 'hash' }, device: 'cpu' });
  const quality = { loss: losses.at(-1)!, lpips: 0.3, mse: 0.01, psnr: 20, msSsim: 0.8, identity: 0.4 };
  if (!(await records.succeed(id, 1, { quality, latentHash: 'hash', seconds: 100 })))
    throw new Error('The embedding could not be finished');
}

async function statusReads(
  api: ApiProcess,
  id: string,
  { requests, connections, turns }: Options,
): Promise<StatusReads> {
  const path = `/embeddings/${id}`;
  const { state } = await asked<{ state: string }>(api, path);
  const body = Buffer.from(await (await fetch(api.url + path, { headers: api.headers })).arrayBuffer());
  const bare = createServer((_, response) =>
    response.setHeader('content-type', 'application/json').end(body),
  );
  await new Promise<void>((resolve) => bare.listen(0, '127.0.0.1', resolve));
  const bareUrl = `http://127.0.0.1:${(bare.address() as AddressInfo).port}/`;
  const [ours, theirs]: Load[][] = [[], []];
  try {
    await load(api.url + path, { requests: 1000, connections, headers: api.headers });
    for (let turn = 0; turn < turns; turn++) {
      say(`status reads of a ${state} embedding, turn ${turn + 1} of ${turns} ...`);
      ours!.push(await load(api.url + path, { requests, connections, headers: api.headers }));
      theirs!.push(await load(bareUrl, { requests, connections }));
    }
  } finally {
    bare.closeAllConnections();
    bare.close();
  }
  return { state, bytes: body.length, api: middle(ours!), bare: middle(theirs!) };
}

const middle = (loads: Load[]): Load => ({
  rps: median(loads.map(({ rps }) => rps)),
  p50Ms: median(loads.map(({ p50Ms }) => p50Ms)),
  p99Ms: median(loads.map(({ p99Ms }) => p99Ms)),
});

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

function print(options: Options, bytes: number, accepting: Accepting, reads: StatusReads[]): void {
  const { rounds, requests, turns, connections, json } = options;
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores`;
  const { decodeMs, acceptMs, overheadMs } = accepting;
  console.log(
    [
      `A photo of ${(bytes / 1e6).toFixed(1)} MB accepted, stored, queued and looked at, medians of ${rounds} in ms. ${machine}`,
      table([
        ['all', 'decoding and encoding alone', 'the rest'],
        [acceptMs.toFixed(0), decodeMs.toFixed(0), overheadMs.toFixed(0)],
      ]),
      '',
      `Status reads a second with a key, medians of ${turns} turns of ${requests} over ${connections} connections`,
      table([
        ['embedding', 'bytes', 'API', 'median ms', 'p99 ms', 'bare server', 'ratio'],
        ...reads.map(({ state, bytes: size, api, bare }) => [
          state,
          String(size),
          api.rps.toFixed(0),
          api.p50Ms.toFixed(1),
          api.p99Ms.toFixed(1),
          bare.rps.toFixed(0),
          (api.rps / bare.rps).toFixed(2),
        ]),
      ]),
    ].join('\n'),
  );
  if (json)
    console.log(
      JSON.stringify({ bench: 'api', ...options, photoBytes: bytes, ...accepting, reads, machine }),
    );
}

function optionsOf(args: string[]): Options {
  const text = (value: string) => ({ type: 'string' as const, default: value });
  const { values } = parseArgs({
    args,
    options: {
      rounds: text('30'),
      requests: text('10000'),
      turns: text('3'),
      connections: text('8'),
      json: { type: 'boolean', default: false },
    },
  });
  return {
    rounds: integerOption('rounds', values.rounds, 2),
    requests: integerOption('requests', values.requests),
    turns: integerOption('turns', values.turns),
    connections: integerOption('connections', values.connections),
    json: values.json,
  };
}

await command(USAGE, optionsOf, main);
