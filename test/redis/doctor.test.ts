/** `latentmorph doctor` on set-ups that are broken on purpose, one thing at a time. */
import { chmod, copyFile, mkdir, mkdtemp, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { diagnose } from '../../src/cli/doctor/diagnose.js';
import type { Finding } from '../../src/cli/doctor/finding.js';
import { checkMemory } from '../../src/cli/doctor/machine.js';
import { checkPackages } from '../../src/cli/doctor/runtime.js';
import { freePort } from '../../src/cli/embedded-redis.js';
import { loadConfig } from '../../src/config.js';
import { cudaRefusal } from '../../src/engine/cuda-provider.js';
import { startRedis, type TestRedis } from '../support/redis.js';

const hasCuda = (await cudaRefusal()) === undefined;

let server: TestRedis;
let redis: Redis;
let dir: string;
let env: Record<string, string>;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  dir = await mkdtemp(join(tmpdir(), 'latentmorph-doctor-'));
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  env = {
    PATH: process.env.PATH ?? '',
    PORT: String(await freePort()),
    LATENTMORPH_DATA: join(dir, 'data'),
    LATENTMORPH_DEVICE: 'cpu',
  };
});

const look = (nodeVersion = process.versions.node): Promise<Finding[]> => diagnose({ env, nodeVersion });

/** What is not well; with one thing broken it is that alone. */
const complaints = async (nodeVersion?: string): Promise<Finding[]> =>
  (await look(nodeVersion)).filter(({ state }) => state !== 'ok');

/** A folder with a program of that name. */
async function program(name: string, script: string): Promise<string> {
  const bin = await mkdtemp(join(dir, 'bin-'));
  await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(bin, name), 0o755);
  return bin;
}

/** The models, each a link, but for `changed`, which is a copy. */
async function modelsWith(changed: string): Promise<string> {
  const { modelsDir } = loadConfig();
  const copy = await mkdtemp(join(dir, 'models-'));
  for (const { name } of (await readdir(modelsDir, { withFileTypes: true })).filter((one) => one.isFile()))
    await (name === changed ? copyFile : symlink)(join(modelsDir, name), join(copy, name));
  return copy;
}

test('a machine that has everything is well', async () => {
  expect(await complaints()).toEqual([]);
});

describe('names', () => {
  test('a Node that is too old', async () => {
    expect(await complaints('18.20.8')).toEqual([
      {
        check: 'Node',
        state: 'failed',
        found: expect.stringMatching(/^18\.20\.8, but 20\.19/),
        advice: expect.any(String),
      },
    ]);
    expect(await complaints('20.18.1')).toMatchObject([{ check: 'Node' }]);
    expect(await complaints('22.0.0')).toEqual([]);
  });

  test('a package that cannot be loaded', async () => {
    expect(await checkPackages(['sharp', 'no-such-package'])).toMatchObject({
      state: 'failed',
      found: expect.stringMatching(/^no-such-package cannot be loaded/),
      advice: expect.stringContaining('npm ci'),
    });
  });

  test('settings that cannot be read, all of them', async () => {
    Object.assign(env, { PORT: 'http', LATENTMORPH_DEVICE: 'tpu' });
    expect(await complaints()).toMatchObject([
      {
        check: 'Settings',
        state: 'failed',
        found: expect.stringMatching(/PORT: .*'http'; LATENTMORPH_DEVICE: .*'tpu'/),
      },
    ]);
  });

  test('models that were never fetched, for which Python is needed then', async () => {
    const bin = await program('python3', 'exit 1');
    Object.assign(env, { LATENTMORPH_MODELS: join(dir, 'none'), PATH: `${bin}:${env.PATH}` });
    expect(await complaints()).toMatchObject([
      { check: 'Models', state: 'failed', advice: expect.stringContaining('models pull') },
      { check: 'Python', state: 'failed' },
    ]);
  });

  test('a model file that was cut short', async () => {
    const models = await modelsWith('mapping.onnx');
    await truncate(join(models, 'mapping.onnx'), 1000);
    env.LATENTMORPH_MODELS = models;
    expect(await complaints()).toMatchObject([
      {
        check: 'Models',
        state: 'failed',
        found: expect.stringContaining('mapping.onnx'),
        advice: expect.stringContaining('models pull'),
      },
    ]);
  });

  test('a missing Python, and one without pip, which only fetching needs', async () => {
    const bin = await program('redis-server', 'echo "Redis server v=7.2.0 sha=0"');
    env.PATH = bin;
    expect(await complaints()).toMatchObject([
      { check: 'Python', state: 'warning', found: 'python3 is not on the PATH' },
    ]);
    await writeFile(join(bin, 'python3'), '#!/bin/sh\necho "No module named pip" >&2\nexit 1\n', {
      mode: 0o755,
    });
    expect(await complaints()).toMatchObject([
      {
        check: 'Python',
        state: 'warning',
        found: expect.stringContaining('no pip'),
        advice: expect.stringContaining('python3-pip'),
      },
    ]);
  });

  test('a Redis that does not answer', async () => {
    env.REDIS_URL = `redis://127.0.0.1:${await freePort()}`;
    expect(await complaints()).toMatchObject([
      {
        check: 'Redis',
        state: 'failed',
        found: expect.stringContaining('ECONNREFUSED'),
        advice: expect.stringContaining('REDIS_URL'),
      },
    ]);
  });

  test('a Redis that wants another password, which is not shown', async () => {
    await redis.config('SET', 'requirepass', 'right');
    const { port } = new URL(server.url);
    env.REDIS_URL = `redis://:wrong-secret@127.0.0.1:${port}`;
    const [finding, ...others] = await complaints();
    await redis.config('SET', 'requirepass', '');
    expect(finding).toMatchObject({
      check: 'Redis',
      state: 'failed',
      found: expect.stringContaining('refuses the password'),
    });
    expect(JSON.stringify(finding)).not.toContain('wrong-secret');
    expect(others).toEqual([]);
  });

  test('a Redis that may evict, and one that keeps no file', async () => {
    env.REDIS_URL = server.url;
    expect(await complaints()).toMatchObject([
      { check: 'Redis', state: 'warning', advice: expect.stringContaining('appendonly') },
    ]);
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    expect(await complaints()).toMatchObject([
      {
        check: 'Redis',
        state: 'failed',
        found: expect.stringContaining('allkeys-lru'),
        advice: expect.stringContaining('noeviction'),
      },
    ]);
    await redis.config('SET', 'maxmemory-policy', 'noeviction', 'appendonly', 'yes');
    expect(await complaints()).toEqual([]);
  });

  test('a port that another program has', async () => {
    const other: Server = createServer((_, response) => response.end('hello'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    env.PORT = String((other.address() as AddressInfo).port);
    const found = await complaints();
    other.close();
    expect(found).toMatchObject([
      {
        check: 'Port',
        state: 'failed',
        found: expect.stringContaining('another program'),
        advice: expect.stringContaining('PORT='),
      },
    ]);
  });

  test('an address of another machine', async () => {
    Object.assign(env, { HOST: '192.0.2.1' });
    expect(await complaints()).toMatchObject([
      { check: 'Port', state: 'failed', found: expect.stringContaining('EADDRNOTAVAIL') },
    ]);
  });

  test('a data directory that cannot be written to', async () => {
    const file = join(dir, 'file');
    await writeFile(file, '');
    // A file in place of a folder stops everybody, an administrator too.
    env.LATENTMORPH_DATA = join(file, 'data');
    expect(await complaints()).toMatchObject([
      { check: 'Data', state: 'failed', advice: expect.stringContaining('LATENTMORPH_DATA') },
    ]);
  });

  test('a bucket that cannot be reached', async () => {
    Object.assign(env, {
      LATENTMORPH_BLOBS: 's3://faces',
      LATENTMORPH_S3_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
      AWS_REGION: 'eu-central-1',
    });
    expect(await complaints()).toMatchObject([
      { check: 'Bucket', state: 'failed', found: expect.stringContaining('faces') },
    ]);
  });

  test.skipIf(hasCuda)('CUDA that is asked for and not there', async () => {
    env.LATENTMORPH_DEVICE = 'cuda';
    expect(await complaints()).toMatchObject([
      { check: 'Device', state: 'failed', advice: expect.stringContaining('LATENTMORPH_DEVICE=cpu') },
    ]);
  });

  test('too little memory', () => {
    expect(checkMemory(2 ** 31)).toMatchObject({
      check: 'Memory',
      state: 'warning',
      found: expect.stringContaining('2.0 GiB'),
    });
  });
});

test('leaves nothing behind', async () => {
  await mkdir(join(dir, 'empty'));
  env.LATENTMORPH_DATA = join(dir, 'empty', 'data');
  await look();
  expect(await readdir(join(dir, 'empty'))).toEqual([]);
});
