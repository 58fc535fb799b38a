/** `npm run restore`: makes a data directory of what `npm run backup` copied. */
import { copyFile, mkdir, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { loadConfig } from '../config.js';
import { connectRedis, ready } from '../store/redis.js';
import { copyBlobs } from './copy-blobs.js';
import { planRedis, redisDir, redisReady, releaseRedis, SNAPSHOT, shutDown } from './embedded-redis.js';
import { leashed, ManagedProcess } from './processes.js';

const USAGE = `Makes LATENTMORPH_DATA, which must be empty or missing, of a folder that \`npm run backup\` has filled.

  npm run restore -- DIR

Then start the service on it, and run \`npm run fsck -- --repair --older-than 0\`: jobs that ran begin again.`;

const LOAD_WITHIN_MS = 600_000;

async function restore(from: string): Promise<void> {
  const { dataDir, modelsDir, redisFsync } = loadConfig();
  if (!(await stat(join(from, SNAPSHOT)).catch(() => undefined)))
    throw new Error(`Expected a backup but ${from} has no ${SNAPSHOT}.`);
  await mkdir(dataDir, { recursive: true });
  if ((await readdir(dataDir)).length > 0)
    throw new Error(
      `Expected an empty data directory but ${dataDir} is not: set LATENTMORPH_DATA to another one.`,
    );
  const dir = redisDir(dataDir);
  const { url, spec } = await planRedis(dir, modelsDir, { fsync: redisFsync, isRestoring: true });
  await copyFile(join(from, SNAPSHOT), join(dir, SNAPSHOT));
  const server = new ManagedProcess(leashed(spec));
  try {
    await redisReady(url, LOAD_WITHIN_MS);
    await writeAppendOnlyFile(url);
    await shutDown(url);
    await server.exited;
  } finally {
    await server.stop(5_000);
    await releaseRedis(dir);
  }
  await copyBlobs(join(from, 'blobs'), join(dataDir, 'blobs'));
  console.log(`Everything is in ${dataDir}.`);
}

/** From the snapshot that the server has read, as the service wants to find it. */
async function writeAppendOnlyFile(url: string): Promise<void> {
  const redis = connectRedis(url, () => undefined);
  try {
    await ready(redis, 5_000);
    await redis.config('SET', 'appendonly', 'yes');
    const isWriting = async (): Promise<boolean> =>
      /aof_rewrite_(in_progress|scheduled):1/.test(await redis.info('persistence'));
    while (await isWriting()) await sleep(100);
  } finally {
    redis.disconnect();
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', default: false } },
});
const [from, ...others] = positionals;
if (values.help) console.log(USAGE);
else if (!from || others.length > 0) {
  console.error(`Expected one folder.\n\n${USAGE}`);
  process.exitCode = 1;
} else
  await restore(resolve(from)).catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
