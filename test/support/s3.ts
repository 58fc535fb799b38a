/** Gives a test file a real S3 server of its own, moto's, which pip installs once below `.cache`. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import type { S3Place } from '../../src/config.js';
import { pip } from '../../src/models/pip.js';
import { s3Client } from '../../src/store/s3-client.js';

/** Milliseconds that the first use may take, which installs the server: it downloads some 25 MB. */
export const FIRST_USE_MS = 300_000;

const CACHE = fileURLToPath(new URL('../../.cache', import.meta.url));
const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const REQUIREMENTS = file('s3-server.txt');

/** The server looks at the form of credentials alone. */
export const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };

export interface TestS3 {
  /** Where its one bucket is. */
  place: S3Place;
  client: S3Client;
  /** Every key in the bucket, sorted. */
  keys(): Promise<string[]>;
  stop(): Promise<void>;
}

export async function startS3(): Promise<TestS3> {
  const env = { ...process.env, PYTHONPATH: await installed() };
  // It ends with its standard input, so also when this process is killed.
  const server = spawn('python3', ['-s', file('s3_server.py')], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(server, 'exit');
  const address = once(createInterface(server.stdout), 'line');
  const [endpoint] = (await Promise.race([address, exited.then(() => [undefined])])) as [string | undefined];
  if (endpoint === undefined) throw new Error('The S3 server ended as it began; its words are above.');
  const place: S3Place = { kind: 's3', bucket: 'faces', prefix: 'tests/', endpoint, region: 'us-east-1' };
  const client = s3Client(place, { credentials: CREDENTIALS });
  await client.send(new CreateBucketCommand({ Bucket: place.bucket }));
  return {
    place,
    client,
    keys: () => keysOf(client, place.bucket),
    stop: async () => {
      client.destroy();
      server.stdin.end();
      await exited;
    },
  };
}

async function keysOf(client: S3Client, bucket: string): Promise<string[]> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
  return Contents.map(({ Key = '' }) => Key).sort();
}

/** Folder of the Python packages, of the versions in the list; `pip --target` needs no `venv`, which Debian leaves out. */
async function installed(): Promise<string> {
  const version = createHash('sha256')
    .update(await readFile(REQUIREMENTS))
    .digest('hex')
    .slice(0, 12);
  const target = join(CACHE, `s3-server-${version}`);
  await mkdir(CACHE, { recursive: true });
  await alone(`${target}.lock`, async () => {
    if (existsSync(target)) return;
    const folder = await mkdtemp(join(CACHE, '.s3-server-'));
    try {
      await pip(['install', '--target', folder, '-r', REQUIREMENTS]);
      await rename(folder, target);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`These tests need an S3 server, which pip installs: ${reason}`, { cause });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
  return target;
}

/** Lets one test process at a time do the work; the lock of a process that is gone counts for nothing. */
async function alone(lock: string, work: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await writeFile(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch {
      const owner = Number(await readFile(lock, 'utf8').catch(() => ''));
      if (owner > 0 && !runs(owner)) await rm(lock, { force: true });
      else await sleep(100);
    }
  }
  try {
    await work();
  } finally {
    await rm(lock, { force: true });
  }
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
