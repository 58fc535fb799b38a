/** Which workers are alive: each repeats `announce`, and one that stops doing so expires. */
import type { Redis } from 'ioredis';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { BATCH_SIZES, ROLES } from '../config.js';
import { reachable } from './redis.js';

export const HEARTBEAT_TTL_SECONDS = 15;
/** How often a worker should announce itself: two may be lost before it counts as gone. */
export const HEARTBEAT_EVERY_MS = 5_000;

const RoleName = Type.Enum([...ROLES]);

/** How many photos a worker projects at a time, and why. */
export const BatchInfo = Type.Object(
  {
    size: Type.Enum([...BATCH_SIZES], { description: 'Most photos in one engine call.', examples: [2] }),
    why: Type.Enum(['set', 'gpu', 'measured', 'unmeasured', 'failed'], {
      description:
        '`set`: configured; `gpu`: the choice for GPUs; `measured`: what `speeds` say; `unmeasured`: one by one, until the worker has found time to measure; `failed`: larger ones failed.',
    }),
    speeds: Type.Array(
      Type.Object({
        batch: Type.Integer({ description: 'Photos in the batch.', examples: [2] }),
        alone: Type.Number({
          description: 'Milliseconds of an Adam step of a photo alone.',
          examples: [520.1],
        }),
        together: Type.Number({
          description: 'Milliseconds of an Adam step for each photo of the batch.',
          examples: [470.3],
        }),
      }),
      { description: 'Measured once for each kind of machine.' },
    ),
  },
  { description: 'How many photos it projects at a time, and why; with the role `embed`.' },
);
export type BatchInfo = Static<typeof BatchInfo>;

export const WorkerInfo = Type.Object({
  id: Type.String({ description: 'Name of the worker process.', examples: ['worker-1-4242'] }),
  roles: Type.Array(RoleName, { description: 'Queues it serves.' }),
  device: Type.Optional(
    Type.String({ description: 'Device that its warm-up really used.', examples: ['cpu'] }),
  ),
  generator: Type.Optional(
    Type.Object(
      {
        name: Type.String({ description: 'Name.' }),
        hash: Type.String({ description: 'sha256 of the weights.' }),
      },
      { description: 'Generator that it has loaded.' },
    ),
  ),
  warmUpMs: Type.Partial(
    Type.Object({
      embed: Type.Number({ description: 'One Adam step.' }),
      render: Type.Number({ description: 'One synthesis at 1024 px.' }),
    }),
    { description: 'Milliseconds of one measured warm-up run, by role.' },
  ),
  batch: Type.Optional(BatchInfo),
  secondsPerJob: Type.Optional(
    Type.Number({
      description: 'Running mean of the seconds that an embedding took it; none before the first.',
      examples: [128.4],
    }),
  ),
});
export type WorkerInfo = Static<typeof WorkerInfo>;

const schema = Compile(WorkerInfo);
const indexKey = (prefix: string) => `${prefix}:workers`;
const workerKey = (prefix: string, id: string) => `${prefix}:worker:${id}`;

/** Says that a worker is alive for the next 15 seconds. */
export async function announce(redis: Redis, prefix: string, info: WorkerInfo): Promise<void> {
  await reachable(
    redis
      .multi()
      .set(workerKey(prefix, info.id), JSON.stringify(info), 'EX', HEARTBEAT_TTL_SECONDS)
      .sadd(indexKey(prefix), info.id)
      .exec(),
  );
}

/** Takes a worker off the list at once, as it does when it stops. */
export async function retire(redis: Redis, prefix: string, id: string): Promise<void> {
  await reachable(redis.multi().del(workerKey(prefix, id)).srem(indexKey(prefix), id).exec());
}

/** The live workers. Reads an index rather than scanning the keyspace, and drops expired ids from it. */
export async function list(redis: Redis, prefix: string): Promise<WorkerInfo[]> {
  const ids = await reachable(redis.smembers(indexKey(prefix)));
  if (ids.length === 0) return [];
  const texts = await reachable(redis.mget(ids.map((id) => workerKey(prefix, id))));
  const expired = ids.filter((_, i) => texts[i] === null);
  if (expired.length > 0) await reachable(redis.srem(indexKey(prefix), ...expired));
  return texts.flatMap((text) => (text ? [schema.Parse(JSON.parse(text))] : []));
}

/** Seconds in which the workers together finish an embedding; undefined before the first. */
export function secondsPerEmbedding(workers: readonly WorkerInfo[]): number | undefined {
  const paces = workers.flatMap(({ secondsPerJob, batch }) =>
    secondsPerJob === undefined ? [] : [secondsPerJob / (batch?.size ?? 1)],
  );
  // Rates add up.
  return paces.length === 0 ? undefined : 1 / paces.reduce((sum, seconds) => sum + 1 / seconds, 0);
}
