/**
 * API and worker as their containers run them: on a file system that nobody can write to but for data, models and temporary files.
 * No Docker is needed, only Linux that lets a user have a mount namespace.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../src/cli/embedded-redis.js';
import { loadConfig } from '../../src/config.js';
import { portrait } from '../support/portraits.js';
import { startRedis, type TestRedis } from '../support/redis.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Makes everything read-only but the folders that are named before `--`, and becomes the command behind it. */
const SEAL = `
  while [ "$1" != -- ]; do mount --bind "$1" "$1" || exit 90; shift; done; shift
  mount -o remount,bind,ro / || exit 91
  if touch "$HOME/written" 2>/dev/null; then exit 92; fi
  exec "$@"`;
const sealed = (folders: readonly string[], command: readonly string[]): string[] => [
  '-Urm', 'sh', '-c', SEAL, 'sh', ...folders, '--', ...command,
]; // biome-ignore format: one command line
const canSeal = spawnSync('unshare', sealed([tmpdir()], ['true'])).status === 0;

let redis: TestRedis;
let dir: string;
let models: string;
let url: string;
const processes: ChildProcess[] = [];
let said = '';

/** Starts a program of ours, sealed. */
function start(program: string, env: Record<string, string>): void {
  const command = [process.execPath, `dist/${program}.js`];
  const child = spawn('unshare', sealed([dir, models], command), {
    cwd: ROOT,
    env: {
      ...process.env,
      LOG_LEVEL: 'warn',
      TMPDIR: join(dir, 'tmp'),
      LATENTMORPH_DATA: join(dir, 'data'),
      LATENTMORPH_MODELS: models,
      REDIS_URL: redis.url,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
  processes.push(child);
}

beforeAll(async () => {
  if (!canSeal) return;
  redis = await startRedis();
  dir = await mkdtemp(join(tmpdir(), 'read-only-'));
  await Promise.all(['data', 'tmp'].map((name) => mkdir(join(dir, name))));
  models = await realpath(loadConfig(process.env).modelsDir);
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  start('api/main', { PORT: `${port}` });
  start('worker/main', { LATENTMORPH_DEVICE: 'cpu' });
});
afterAll(async () => {
  const running = processes.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  await Promise.all(
    running.map(async (child) => {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    }),
  );
  await redis?.stop();
  if (dir) await rm(dir, { recursive: true, force: true });
});

async function until(isDone: () => Promise<boolean>): Promise<void> {
  while (!(await isDone())) {
    const [ended] = processes.filter(({ exitCode }) => exitCode !== null);
    if (ended) throw new Error(`A process ended with ${ended.exitCode}:\n${said}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test.skipIf(!canSeal)(
  'a photo is embedded and drawn where nothing but data, models and temporary files can be written',
  async () => {
    await until(async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok ?? false);
    const form = new FormData();
    form.append('image', new Blob([new Uint8Array(await portrait('obama'))]), 'photo.jpg');
    form.append('steps', '2');
    const posted = await fetch(`${url}/embeddings`, { method: 'POST', body: form });
    expect(posted.status).toBe(202);
    const location = new URL(posted.headers.get('location')!, url);
    const stateOf = async () => ((await (await fetch(location)).json()) as { state: string }).state;
    await until(async () => !['queued', 'running'].includes(await stateOf()));
    expect(await stateOf()).toBe('succeeded');
    const drawn = await fetch(`${location}/image?kind=reconstruction`);
    expect([drawn.status, (await drawn.arrayBuffer()).byteLength > 1000]).toEqual([200, true]);
    expect(said).not.toMatch(/EROFS|read-only/i);
  },
);
