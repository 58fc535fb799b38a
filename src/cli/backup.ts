/** `npm run backup`: copies what a running service with its own Redis and files has stored. */
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Redis } from 'ioredis';
import { copyBlobs } from './copy-blobs.js';
import { redisDir, SNAPSHOT } from './embedded-redis.js';
import { Misused, redisCommand } from './redis-command.js';

const USAGE = `Copies all records and blobs of the service that runs on LATENTMORPH_DATA into an empty folder.

  npm run backup -- DIR

The service goes on meanwhile. \`npm run restore -- DIR\` makes a data directory of the copy. A Redis of your own, or a bucket, has
means of its own: docs/guides/backup.md.`;

const LOOK_MS = 100;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', default: false } },
});

if (values.help) console.log(USAGE);
else
  await redisCommand(USAGE, async (redis, { dataDir, blobs }) => {
    const [to, ...others] = positionals;
    if (!to || others.length > 0) throw new Misused('Expected one folder.');
    if (blobs.kind !== 'files') throw new Misused('The blobs are in a bucket, which has backups of its own.');
    const target = resolve(to);
    await mkdir(target, { recursive: true });
    if ((await readdir(target)).length > 0)
      throw new Misused(`Expected an empty folder but ${target} is not.`);
    // Blobs never change. What is deleted before the second round was copied in the first one; what is stored after the
    // first one, in the second. So there is every blob that a record of the snapshot names, but for one that came and went meanwhile.
    await copyBlobs(join(dataDir, 'blobs'), join(target, 'blobs'));
    await snapshot(redis);
    await copyFile(join(redisDir(dataDir), SNAPSHOT), join(target, SNAPSHOT));
    await copyBlobs(join(dataDir, 'blobs'), join(target, 'blobs'));
    console.log(`Everything is in ${target}.`);
  });

/** Has Redis write all it holds into one file, as it is at one moment. */
async function snapshot(redis: Redis): Promise<void> {
  const before = await redis.lastsave();
  // Times are told in seconds.
  await sleep(1_000);
  await redis.bgsave('SCHEDULE');
  for (;;) {
    const info = await redis.info('persistence');
    if (/rdb_last_bgsave_status:err/.test(info))
      throw new Error('Redis could not write its snapshot; its log has the cause.');
    if ((await redis.lastsave()) > before && /rdb_bgsave_in_progress:0/.test(info)) return;
    await sleep(LOOK_MS);
  }
}
