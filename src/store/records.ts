/**
 * Embedding records: one Redis hash each, a JSON text per field.
 *
 * Every change is one Lua compare-and-set on the state and on `attempt`, the fencing token. Delivery of jobs is at least
 * once, so a late or doubled attempt must find that its write changes nothing. The scripts compare and set texts
 * and never re-encode JSON, which would lose float digits and empty arrays.
 */
import type { Redis } from 'ioredis';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { EmbeddingRecord, type EmbeddingState } from '../contracts.js';
import { reachable } from './redis.js';

export type RecordPatch = Partial<Omit<EmbeddingRecord, 'id' | 'state' | 'attempt' | 'createdAt'>>;
export type RecordError = NonNullable<EmbeddingRecord['error']>;

/** How the token of a write compares with the stored one: the same attempt, a newer one, not an older one, or no matter. */
type Fence = 'same' | 'newer' | 'not-older' | 'any';

const UNFINISHED: readonly EmbeddingState[] = ['queued', 'running'];

/** KEYS: record. ARGV: allowed states as JSON texts, fence, attempt, then field and value pairs. */
const TRANSITION = `
local state = redis.call('HGET', KEYS[1], 'state')
if not state or not string.find(ARGV[1], state, 1, true) then return 0 end
local stored, attempt = tonumber(redis.call('HGET', KEYS[1], 'attempt')), tonumber(ARGV[3])
local fence = ARGV[2]
if fence == 'same' and attempt ~= stored then return 0 end
if fence == 'newer' and attempt <= stored then return 0 end
if fence == 'not-older' and attempt < stored then return 0 end
if #ARGV > 3 then redis.call('HSET', KEYS[1], unpack(ARGV, 4)) end
return 1`;

/** KEYS: record. ARGV: field and value pairs. */
const CREATE = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1`;

/** KEYS: record, set of deletions in progress. ARGV: id. */
const REMOVE = `
if redis.call('DEL', KEYS[1]) == 1 then redis.call('SADD', KEYS[2], ARGV[1]) end
return redis.call('SISMEMBER', KEYS[2], ARGV[1])`;

/** KEYS: record, set of its renders. ARGV: render key. */
const LINK = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('SADD', KEYS[2], ARGV[1])
return 1`;

const schema = Compile(EmbeddingRecord);

const SOURCE_FIELDS = ['state', 'generator', 'latentHash', 'blobs'] as const;
const SourceSchema = Type.Pick(EmbeddingRecord, SOURCE_FIELDS);
export type RecordSource = Static<typeof SourceSchema>;
const sourceSchema = Compile(SourceSchema);

export class Records {
  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /** Stores a new record; false when the id is taken. */
  create(record: EmbeddingRecord): Promise<boolean> {
    return this.run(CREATE, [this.recordKey(record.id)], fields(record));
  }

  async get(id: string): Promise<EmbeddingRecord | undefined> {
    return parse(await reachable(this.redis.hgetall(this.recordKey(id))));
  }

  /**
   * What a morph needs of several records, undefined where there is none: one round trip for the few fields, since every
   * cached image passes here and the faces of a record take longer to parse than the rest of the answer.
   */
  async sources(ids: readonly string[]): Promise<(RecordSource | undefined)[]> {
    const pipeline = this.redis.pipeline();
    for (const id of ids) pipeline.hmget(this.recordKey(id), ...SOURCE_FIELDS);
    const replies = (await reachable(pipeline.exec())) ?? [];
    return Promise.all(
      replies.map(([error, reply]) =>
        reachable(error ? Promise.reject(error) : Promise.resolve(parseSource(reply as (string | null)[]))),
      ),
    );
  }

  /**
   * Claims the record for `attempt` (BullMQ's `attemptsStarted`, which grows with every delivery) and marks it running.
   * False when it is finished, cancelled, gone, or already claimed by this or a newer attempt.
   */
  begin(id: string, attempt: number): Promise<boolean> {
    const patch = { state: 'running' as const, attempt, startedAt: this.time() };
    return this.transition(id, UNFINISHED, 'newer', attempt, patch);
  }

  /** Writes what the running attempt has found so far; false tells it to stop and delete the blobs it wrote. */
  progress(id: string, attempt: number, patch: RecordPatch): Promise<boolean> {
    return this.transition(id, ['running'], 'same', attempt, patch);
  }

  succeed(id: string, attempt: number, patch: RecordPatch): Promise<boolean> {
    const done = { ...patch, state: 'succeeded' as const, finishedAt: this.time() };
    return this.transition(id, ['running'], 'same', attempt, done);
  }

  /** Also fails a record that no attempt has begun: a job that was lost before its first step. */
  fail(id: string, attempt: number, error: RecordError): Promise<boolean> {
    const failed = { state: 'failed' as const, attempt, error, finishedAt: this.time() };
    return this.transition(id, UNFINISHED, 'not-older', attempt, failed);
  }

  cancel(id: string): Promise<boolean> {
    const cancelled = { state: 'cancelled' as const, finishedAt: this.time() };
    return this.transition(id, UNFINISHED, 'any', 0, cancelled);
  }

  /**
   * Deletes the record at once, so that nothing reads or writes it any more, and remembers that its blobs must follow.
   * Stays true until `forget`: a deletion that was interrupted can be asked for again.
   */
  remove(id: string): Promise<boolean> {
    return this.run(REMOVE, [this.recordKey(id), this.deletingKey()], [id]);
  }

  /** Ends a deletion, after the blobs and renders are gone. */
  async forget(id: string): Promise<void> {
    await reachable(this.redis.multi().del(this.rendersKey(id)).srem(this.deletingKey(), id).exec());
  }

  /** Notes that a render was made from this embedding, to be deleted with it; false when the record is gone. */
  linkRender(id: string, renderKey: string): Promise<boolean> {
    return this.run(LINK, [this.recordKey(id), this.rendersKey(id)], [renderKey]);
  }

  rendersOf(id: string): Promise<string[]> {
    return reachable(this.redis.smembers(this.rendersKey(id)));
  }

  private transition(
    id: string,
    from: readonly EmbeddingState[],
    fence: Fence,
    attempt: number,
    patch: Partial<EmbeddingRecord>,
  ): Promise<boolean> {
    return this.run(
      TRANSITION,
      [this.recordKey(id)],
      [JSON.stringify(from), fence, `${attempt}`, ...fields(patch)],
    );
  }

  private async run(script: string, keys: string[], args: string[]): Promise<boolean> {
    return (await reachable(this.redis.eval(script, keys.length, ...keys, ...args))) === 1;
  }

  private time(): string {
    return this.now().toISOString();
  }

  private recordKey(id: string): string {
    return `${this.prefix}:embedding:${id}`;
  }

  private rendersKey(id: string): string {
    return `${this.prefix}:renders:${id}`;
  }

  private deletingKey(): string {
    return `${this.prefix}:deleting`;
  }
}

function fields(patch: Partial<EmbeddingRecord>): string[] {
  return Object.entries(patch).flatMap(([name, value]) =>
    value === undefined ? [] : [name, JSON.stringify(value)],
  );
}

/** Redis answers an empty hash for a key that does not exist. */
function parse(hash: Record<string, string>): EmbeddingRecord | undefined {
  const entries = Object.entries(hash);
  if (entries.length === 0) return undefined;
  return schema.Parse(Object.fromEntries(entries.map(([name, text]) => [name, JSON.parse(text)])));
}

/** Redis answers null for every field of a key that does not exist. */
function parseSource(texts: readonly (string | null)[]): RecordSource | undefined {
  const entries = SOURCE_FIELDS.flatMap((name, i) => {
    const text = texts[i];
    return text === null || text === undefined ? [] : [[name, JSON.parse(text)] as const];
  });
  return entries.length === 0 ? undefined : sourceSchema.Parse(Object.fromEntries(entries));
}
