/**
 * Embedding records: one Redis hash each, a JSON text per field.
 *
 * Every change is one Lua compare-and-set on the state and on `attempt`, the fencing token (see record-scripts.ts).
 * Delivery of jobs is at least once, so a late or doubled attempt must find that its write changes nothing.
 */
import type { Redis } from 'ioredis';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { DEFAULT_TENANT, EmbeddingRecord, type EmbeddingState } from '../contracts.js';
import type { DeletionReason } from './audit.js';
import type { ClaimFence } from './idempotency.js';
import {
  type EventKind,
  type OutboxType,
  TRANSITIONS,
  type Transition,
  type TransitionName,
  UNFINISHED,
} from './job-protocol.js';
import { LastSeen } from './last-seen.js';
import { type Creation, NO_LIMITS, type QueueLimits } from './queue-limits.js';
import { CREATE, EXPIRE, LINK, REMOVE, TRANSITION } from './record-scripts.js';
import { reachable } from './redis.js';

export type RecordPatch = Partial<Omit<EmbeddingRecord, 'id' | 'tenant' | 'state' | 'attempt' | 'createdAt'>>;
export type RecordError = NonNullable<EmbeddingRecord['error']>;

/** Seconds that an embedding whose retention has ended is still known as `expired`. */
const EXPIRED_KEPT = 30 * 24 * 3600;

/** Why a record is deleted, and the id of the API key that asked for it. */
export interface RemovalCause {
  why: DeletionReason;
  key?: string | undefined;
}

const schema = Compile(EmbeddingRecord);

const SOURCE_FIELDS = ['tenant', 'state', 'store', 'generator', 'latentHash', 'blobs'] as const;
const SourceSchema = Type.Pick(EmbeddingRecord, SOURCE_FIELDS);
export type RecordSource = Static<typeof SourceSchema>;
const sourceSchema = Compile(SourceSchema);

export class Records {
  /** Images that are made already are served while Redis is away. */
  private readonly lastSources = new LastSeen<readonly (RecordSource | undefined)[]>((sources) =>
    sources.every((source) => source?.state === 'succeeded'),
  );

  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /** Stores a new record; false when the id is taken. */
  async create(record: EmbeddingRecord): Promise<boolean> {
    return (await this.createTold([record], '')).kind === 'created';
  }

  /** Stores new records of one tenant, all of them or none, within the limits of what is unfinished, and while the claim holds. */
  createWithin(
    limits: QueueLimits,
    records: readonly EmbeddingRecord[],
    fence?: ClaimFence,
  ): Promise<Creation> {
    return this.createTold(records, '', { ...limits, fence });
  }

  /** Stores a new record that has succeeded already, of which webhooks hear. */
  async createFinished(
    record: EmbeddingRecord & { state: 'succeeded' },
    fence?: ClaimFence,
  ): Promise<Creation['kind']> {
    return (await this.createTold([record], 'embedding.succeeded', { ...NO_LIMITS, fence })).kind;
  }

  /** The record whoever it belongs to: for those who work on it. */
  async get(id: string): Promise<EmbeddingRecord | undefined> {
    return parse(await reachable(this.redis.hgetall(this.recordKey(id))));
  }

  /** The record if it belongs to the tenant: for those who ask. */
  async find(tenant: string, id: string): Promise<EmbeddingRecord | undefined> {
    const record = await this.get(id);
    return record?.tenant === tenant ? record : undefined;
  }

  /**
   * What a morph needs of several records of a tenant, undefined where there is none: one round trip for the few fields,
   * since every cached image passes here and the faces of a record take longer to parse than the rest of the answer. Those of
   * a moment ago while Redis is away.
   */
  sources(tenant: string, ids: readonly string[]): Promise<readonly (RecordSource | undefined)[]> {
    return this.lastSources.through(JSON.stringify([tenant, ids]), () => this.sourcesNow(tenant, ids));
  }

  private async sourcesNow(tenant: string, ids: readonly string[]): Promise<(RecordSource | undefined)[]> {
    const pipeline = this.redis.pipeline();
    for (const id of ids) pipeline.hmget(this.recordKey(id), ...SOURCE_FIELDS);
    const replies = (await reachable(pipeline.exec())) ?? [];
    return Promise.all(
      replies.map(([error, reply]) =>
        reachable(
          error ? Promise.reject(error) : Promise.resolve(parseSource(tenant, reply as (string | null)[])),
        ),
      ),
    );
  }

  /** Where several embeddings stand; undefined for those that there are none of. */
  states(ids: readonly string[]): Promise<(EmbeddingState | undefined)[]> {
    return Promise.all(
      ids.map(async (id) => {
        const text = await reachable(this.redis.hget(this.recordKey(id), 'state'));
        return text === null ? undefined : (JSON.parse(text) as EmbeddingState);
      }),
    );
  }

  /**
   * Claims the record for `attempt` (BullMQ's `attemptsStarted`, which grows with every delivery) and marks it running.
   * False when it is finished, cancelled, gone, or already claimed by this or a newer attempt.
   */
  begin(id: string, attempt: number): Promise<boolean> {
    const patch = { attempt, startedAt: this.time() };
    return this.transition('begin', id, attempt, patch, { data: { state: 'running' } });
  }

  /** Writes what the running attempt has found so far; false tells it to stop and delete the blobs it wrote. */
  progress(id: string, attempt: number, patch: RecordPatch): Promise<boolean> {
    const { progress, blobs } = patch;
    const data = { ...progress, hasPreview: blobs?.preview !== undefined };
    const told = progress ? { data } : { event: 'state' as const, data: { state: 'running' } };
    return this.transition('progress', id, attempt, patch, told);
  }

  succeed(id: string, attempt: number, patch: RecordPatch): Promise<boolean> {
    return this.transition('succeed', id, attempt, { ...patch, finishedAt: this.time() });
  }

  /** Also fails a record that no attempt has begun: a job that was lost before its first step. */
  fail(id: string, attempt: number, error: RecordError): Promise<boolean> {
    return this.transition('fail', id, attempt, { attempt, error, finishedAt: this.time() });
  }

  cancel(id: string): Promise<boolean> {
    return this.transition('cancel', id, 0, { finishedAt: this.time() });
  }

  /**
   * Deletes the record of a tenant at once, so that nothing reads or writes it any more, and remembers that its blobs must
   * follow. Stays true until `forget`: a deletion that was interrupted can be asked for again.
   */
  remove(tenant: string, id: string, { why, key = '' }: RemovalCause): Promise<boolean> {
    const args = [this.prefix, id, JSON.stringify(tenant), this.time(), why, key];
    return this.run(REMOVE, [this.recordKey(id), this.deletingKey()], args);
  }

  /** Marks the record as expired and empties it; its blobs must follow, and then `forget`. False when there is none. */
  expire(id: string): Promise<boolean> {
    return this.run(EXPIRE, [this.recordKey(id)], [this.prefix, id, this.time(), `${EXPIRED_KEPT}`]);
  }

  /** Ends a deletion or expiry, after the blobs and renders are gone. */
  async forget(id: string): Promise<void> {
    await reachable(
      this.redis
        .multi()
        .del(this.rendersKey(id))
        .hdel(this.deletingKey(), id)
        .zrem(`${this.prefix}:expiring`, id)
        .exec(),
    );
  }

  /** Notes that a render was made from this embedding, to be deleted with it; false when the record is gone. */
  linkRender(id: string, renderKey: string): Promise<boolean> {
    return this.run(LINK, [this.recordKey(id), this.rendersKey(id)], [renderKey]);
  }

  rendersOf(id: string): Promise<string[]> {
    return reachable(this.redis.smembers(this.rendersKey(id)));
  }

  /** Blobs and latest attempt of a finished embedding of which only the latent is to be stored; undefined for others. */
  async latentOnly(id: string): Promise<Pick<EmbeddingRecord, 'blobs' | 'attempt'> | undefined> {
    const hash = await reachable(this.redis.hgetall(this.recordKey(id)));
    const record = parseWhole(hash);
    return record && isLatentOnly(record) ? record : undefined;
  }

  /** Notes that the photos of a finished embedding are gone. */
  async photosDropped(id: string): Promise<void> {
    await reachable(this.redis.srem(`${this.prefix}:dropping`, id));
  }

  private async createTold(
    records: readonly EmbeddingRecord[],
    outbox: OutboxType | '',
    { perTenant, inAll, fence }: QueueLimits & { fence?: ClaimFence | undefined } = NO_LIMITS,
  ): Promise<Creation> {
    const tenant = records[0]?.tenant ?? DEFAULT_TENANT;
    const each = records.flatMap((record) => {
      const { id, createdAt, expiresAt } = record;
      const times = [Date.parse(createdAt), expiresAt === undefined ? '' : Date.parse(expiresAt)];
      const texts = fields(record);
      return [id, ...times.map(String), `${texts.length}`, ...texts];
    });
    const limits = [`${perTenant}`, `${inAll}`];
    const claim = [fence?.entry ?? '', fence?.claim ?? ''];
    const args = [this.prefix, outbox, this.time(), tenant, ...limits, ...claim, ...each];
    const keys = records.map(({ id }) => this.recordKey(id));
    const reply = await reachable(this.redis.eval(CREATE, keys.length, ...keys, ...args));
    const [kind, unfinished] = reply as [Creation['kind'], number];
    return { kind, unfinished };
  }

  private transition(
    name: TransitionName,
    id: string,
    attempt: number,
    patch: Partial<EmbeddingRecord>,
    told: { event?: EventKind; data?: unknown } = {},
  ): Promise<boolean> {
    const row: Transition = TRANSITIONS[name];
    const { event = row.event, data = {} } = told;
    const ends = [event, JSON.stringify(data), row.outbox ?? '', this.time()];
    const fence = [JSON.stringify(row.from), row.fence, `${attempt}`];
    const args = [this.prefix, id, ...fence, ...ends, ...fields({ ...patch, state: row.to })];
    return this.run(TRANSITION, [this.recordKey(id)], args);
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

/** Records of earlier versions name no tenant. */
const NO_TENANT = { tenant: DEFAULT_TENANT };

function fields(patch: Partial<EmbeddingRecord>): string[] {
  return Object.entries(patch).flatMap(([name, value]) =>
    value === undefined ? [] : [name, JSON.stringify(value)],
  );
}

/** Redis answers an empty hash for a key that does not exist. */
function parse(hash: Record<string, string>): EmbeddingRecord | undefined {
  const record = parseWhole(hash);
  return record && withoutDropped(record);
}

function parseWhole(hash: Record<string, string>): EmbeddingRecord | undefined {
  const entries = Object.entries(hash);
  if (entries.length === 0) return undefined;
  // One text for all fields is read in half the time of one for each; status reads do little else.
  const found = JSON.parse(`{${entries.map(([name, text]) => `"${name}":${text}`).join()}}`);
  return schema.Parse({ ...NO_TENANT, ...found });
}

/** Redis answers null for every field of a key that does not exist. */
function parseSource(tenant: string, texts: readonly (string | null)[]): RecordSource | undefined {
  const entries = SOURCE_FIELDS.flatMap((name, i) => {
    const text = texts[i];
    return text === null || text === undefined ? [] : [[name, JSON.parse(text)] as const];
  });
  if (entries.length === 0) return undefined;
  const found = sourceSchema.Parse({ ...NO_TENANT, ...Object.fromEntries(entries) });
  return found.tenant === tenant ? withoutDropped(found) : undefined;
}

const isLatentOnly = ({ state, store }: Pick<EmbeddingRecord, 'state' | 'store'>): boolean =>
  store === 'latent-only' && !UNFINISHED.includes(state);

/** Where only the latent is stored, photos are not there for anybody as soon as the embedding has finished. */
function withoutDropped<R extends Pick<EmbeddingRecord, 'state' | 'store' | 'blobs'>>(record: R): R {
  if (!isLatentOnly(record)) return record;
  const { original, aligned, preview, ...blobs } = record.blobs;
  return { ...record, blobs };
}
