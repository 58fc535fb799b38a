/** Deliveries of events to endpoints: one Redis hash each, with every attempt; a queue and a log for each endpoint. */
import { createHash, randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { OUTBOX_TYPES } from './job-protocol.js';
import { fieldsOf, fromHash } from './json-hash.js';
import { reachable } from './redis.js';
import { ADD_DELIVERY, CLAIM_DELIVERIES, FINISH_ATTEMPT, REDELIVER } from './webhook-scripts.js';
import type { DisabledReason } from './webhooks.js';

export const TEST_EVENT = 'webhook.test';
export const EVENT_TYPES = [...OUTBOX_TYPES, TEST_EVENT] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** What can be told of an attempt without telling of our network. */
export const FAILURES = [
  'status',
  'redirect',
  'timed-out',
  'address-not-allowed',
  'name-not-found',
  'tls-failed',
  'connection-failed',
] as const;
export type Failure = (typeof FAILURES)[number];

export const DELIVERY_STATES = ['pending', 'succeeded', 'failed'] as const;

export const Attempt = Type.Object({
  at: Type.String({ description: 'When it was sent.', examples: ['2026-01-31T12:00:00.000Z'] }),
  ms: Type.Integer({
    description: 'Milliseconds until the answer, or until it was given up.',
    examples: [84],
  }),
  status: Type.Optional(Type.Integer({ description: 'HTTP status of the answer.', examples: [503] })),
  failure: Type.Optional(
    Type.Enum([...FAILURES], { description: 'Why it did not succeed.', examples: ['status'] }),
  ),
});
export type Attempt = Static<typeof Attempt>;

export const DeliveryRecord = Type.Object({
  id: Type.String(),
  webhook: Type.String(),
  tenant: Type.String(),
  /** The `webhook-id`: one for an event, whichever endpoint it goes to and however often. */
  message: Type.String(),
  type: Type.Enum([...EVENT_TYPES]),
  /** Id of the embedding; a test has none. */
  embedding: Type.Optional(Type.String()),
  /** When the event happened. */
  happenedAt: Type.String(),
  createdAt: Type.String(),
  state: Type.Enum([...DELIVERY_STATES]),
  /** Attempts since it was created or last asked for again. */
  tries: Type.Integer(),
  attempts: Type.Array(Attempt),
  nextAttemptAt: Type.Optional(Type.String()),
  finishedAt: Type.Optional(Type.String()),
});
export type DeliveryRecord = Static<typeof DeliveryRecord>;
const schema = Compile(DeliveryRecord);

/** Deliveries that may wait for one endpoint: what comes then is logged as failed, and can be asked for again. */
const MAX_WAITING = 10_000;
/** Attempts that are kept of one delivery, the latest. */
const KEPT_ATTEMPTS = 30;
/** Milliseconds after which a delivery is somebody else's: longer than any attempt takes. */
export const LEASE_MS = 60_000;

export type WebhookEvent = Pick<DeliveryRecord, 'tenant' | 'message' | 'type' | 'embedding' | 'happenedAt'>;

/** A delivery that is the claimer's until the lease ends. */
export interface Claim {
  webhook: string;
  id: string;
  token: string;
}

/** What is to be written of an attempt. */
export interface Finish {
  attempt: Attempt;
  state: DeliveryRecord['state'];
  /** Milliseconds since 1970; only of a state of `pending`. */
  nextAttemptAt?: number;
  /** Milliseconds since 1970 until which the endpoint wants nothing. */
  pausedUntil?: number;
  disable?: DisabledReason;
}

export class WebhookDeliveries {
  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /**
   * Has an event sent to an endpoint; what was added before is not added again. Answers the id, whether or not it was: an
   * endpoint that is gone or disabled gets none.
   */
  async add(webhook: string, event: WebhookEvent): Promise<string> {
    const now = this.now();
    const at = now.toISOString();
    const record: DeliveryRecord = {
      id: `dlv_${shortHash(webhook, event.message)}`,
      webhook,
      ...event,
      createdAt: at,
      state: 'pending',
      tries: 0,
      attempts: [],
      nextAttemptAt: at,
    };
    const args = [webhook, record.id, `${now.getTime()}`, `${MAX_WAITING}`, ...fieldsOf(record)];
    await this.#run(ADD_DELIVERY, args);
    return record.id;
  }

  /** A delivery of this endpoint. */
  async find(webhook: string, id: string): Promise<DeliveryRecord | undefined> {
    const found = fromHash(await reachable(this.redis.hgetall(this.#key(id))));
    if (!found) return undefined;
    const record = schema.Parse(found);
    return record.webhook === webhook ? record : undefined;
  }

  /** Up to `limit` deliveries of an endpoint, the newest first; `before` is the `next` of the page before. */
  async page(
    webhook: string,
    { limit, before }: { limit: number; before?: number | undefined },
  ): Promise<{ deliveries: DeliveryRecord[]; next: number | undefined }> {
    const key = `${this.prefix}:webhook-log:${webhook}`;
    const max = before === undefined ? '+inf' : `(${before}`;
    const flat = await reachable(
      this.redis.zrevrangebyscore(key, max, '-inf', 'WITHSCORES', 'LIMIT', 0, limit + 1),
    );
    const ids = flat.filter((_, i) => i % 2 === 0).slice(0, limit);
    const found = await Promise.all(ids.map((id) => this.find(webhook, id)));
    const gone = ids.filter((_, i) => found[i] === undefined);
    if (gone.length > 0) await reachable(this.redis.zrem(key, ...gone));
    const next = flat.length > 2 * limit ? Number(flat[2 * limit - 1]) : undefined;
    return { deliveries: found.filter((record) => record !== undefined), next };
  }

  /** Has a delivery sent once more, with the same `webhook-id`; false when the endpoint has no such delivery. */
  redeliver(webhook: string, id: string): Promise<boolean> {
    const now = this.now();
    return this.#run(REDELIVER, [webhook, id, `${now.getTime()}`, JSON.stringify(now.toISOString())]);
  }

  /** Takes what is due, at most one of each endpoint and none of those that are `busy`. */
  async claim(limit: number, busy: readonly string[]): Promise<Claim[]> {
    const now = this.now().getTime();
    const token = randomUUID();
    const args = [`${now}`, `${now + LEASE_MS}`, token, `${limit}`, JSON.stringify(busy)];
    const flat = (await reachable(this.redis.eval(CLAIM_DELIVERIES, 0, this.prefix, ...args))) as string[];
    return Array.from({ length: flat.length / 2 }, (_, i) => ({
      webhook: flat[2 * i]!,
      id: flat[2 * i + 1]!,
      token,
    }));
  }

  /** Writes what came of an attempt; false when the claim was lost or the delivery deleted, and nothing was written. */
  finish({ webhook, id, token }: Claim, before: DeliveryRecord, result: Finish): Promise<boolean> {
    const now = this.now();
    const { attempt, state, nextAttemptAt, pausedUntil, disable } = result;
    const patch = {
      state,
      tries: before.tries + 1,
      attempts: [...before.attempts, attempt].slice(-KEPT_ATTEMPTS),
      ...(nextAttemptAt === undefined
        ? { finishedAt: now.toISOString() }
        : { nextAttemptAt: new Date(nextAttemptAt).toISOString() }),
    };
    const health = disable === undefined ? undefined : JSON.stringify(disable);
    return this.#run(FINISH_ATTEMPT, [
      webhook,
      id,
      JSON.stringify(token),
      `${now.getTime()}`,
      `${nextAttemptAt ?? ''}`,
      `${pausedUntil ?? ''}`,
      health ?? (state === 'succeeded' ? 'well' : 'failing'),
      JSON.stringify(now.toISOString()),
      ...fieldsOf(patch),
    ]);
  }

  #key(id: string): string {
    return `${this.prefix}:webhook-delivery:${id}`;
  }

  async #run(script: string, args: string[]): Promise<boolean> {
    return (await reachable(this.redis.eval(script, 0, this.prefix, ...args))) === 1;
  }
}

/** 24 characters that stand for the texts: the same for the same ones, so that what is done twice is found done. */
export const shortHash = (...texts: string[]): string =>
  createHash('sha256').update(JSON.stringify(texts)).digest('base64url').slice(0, 24);
