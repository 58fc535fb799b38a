/**
 * What became of requests with an `Idempotency-Key`: a durable record of its own, since a queue forgets its jobs. It passes
 * from `claimed` (somebody works on it) to `settled` (its embeddings are stored), before anything is enqueued; whoever
 * finds it settled can enqueue them again, which changes nothing for those that are there.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { reachable } from './redis.js';

/** Seconds that a key is remembered. */
const KEPT = 86_400;
/** Milliseconds after which a claim that was not renewed is taken over: its process is gone, or stands still. */
const LEASE = 15_000;
/** Milliseconds after which a claim is renewed at the latest. */
export const RENEW_EVERY = 4_000;

const Entry = Type.Object({
  /** Hash of the request. */
  fingerprint: Type.String(),
  /** Names the claim, so that one that was taken over settles nothing. */
  claim: Type.String(),
  claimedAt: Type.Integer(),
  /** Set when settled. */
  ids: Type.Optional(Type.Array(Type.String())),
  photos: Type.Optional(Type.Array(Type.Integer())),
  refused: Type.Optional(
    Type.Array(Type.Object({ index: Type.Integer(), problem: Type.Record(Type.String(), Type.Unknown()) })),
  ),
});
type Entry = Static<typeof Entry>;
const schema = Compile(Entry);

/** What a request has come to. */
export interface Outcome {
  ids: readonly string[];
  /** Of each id: the position of its photo in the request. */
  photos: readonly number[];
  /** Photos that were refused where others were accepted, each with its problem document. */
  refused: readonly { index: number; problem: Record<string, unknown> }[];
}

/** `claimed`: it is now the caller's. */
export type Claim =
  | { kind: 'claimed'; claim: string }
  | { kind: 'in-flight' }
  | { kind: 'other-request' }
  | { kind: 'settled'; outcome: Outcome };

/** KEYS: entry. ARGV: claim, new text or '' to delete, seconds. Changes only what this claim still holds. */
const REPLACE = `
local text = redis.call('GET', KEYS[1])
if not text or cjson.decode(text).claim ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
return 1`;

/** KEYS: entry. ARGV: claim, new text, seconds. Changes only what this claim holds and has not settled. */
const RENEW = `
local text = redis.call('GET', KEYS[1])
if not text then return 0 end
local entry = cjson.decode(text)
if entry.claim ~= ARGV[1] or entry.ids then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1`;

export class Idempotency {
  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /** Claims the key of a tenant for a request, or tells what became of it. */
  async claim(tenant: string, key: string, fingerprint: string): Promise<Claim> {
    const name = this.#name(tenant, key);
    const mine: Entry = { fingerprint, claim: randomUUID(), claimedAt: this.now().getTime() };
    const text = JSON.stringify(mine);
    if (await reachable(this.redis.set(name, text, 'EX', KEPT, 'NX')))
      return { kind: 'claimed', claim: mine.claim };
    const found = await this.#read(name);
    // It was given up a moment ago.
    if (!found) return { kind: 'in-flight' };
    if (found.fingerprint !== fingerprint) return { kind: 'other-request' };
    const { ids, photos = [], refused = [] } = found;
    if (ids) return { kind: 'settled', outcome: { ids, photos, refused } };
    if (mine.claimedAt - found.claimedAt < LEASE) return { kind: 'in-flight' };
    return (await this.#replace(name, found.claim, text))
      ? { kind: 'claimed', claim: mine.claim }
      : { kind: 'in-flight' };
  }

  /** Says that the request is still being worked on. Changes nothing once it is settled, or no longer this claim's. */
  async renew(
    tenant: string,
    key: string,
    { fingerprint, claim }: Pick<Entry, 'fingerprint' | 'claim'>,
  ): Promise<void> {
    const text = JSON.stringify({ fingerprint, claim, claimedAt: this.now().getTime() });
    await reachable(this.redis.eval(RENEW, 1, this.#name(tenant, key), claim, text, KEPT));
  }

  /** Remembers the outcome of a request; false when the claim was taken over meanwhile. */
  async settle(tenant: string, key: string, claim: string, outcome: Outcome): Promise<boolean> {
    const name = this.#name(tenant, key);
    const found = await this.#read(name);
    return found ? this.#replace(name, claim, JSON.stringify({ ...found, ...outcome })) : false;
  }

  /** Gives a claim up: the request was refused, and may be sent again. */
  async release(tenant: string, key: string, claim: string): Promise<void> {
    await this.#replace(this.#name(tenant, key), claim, '');
  }

  async #read(name: string): Promise<Entry | undefined> {
    const text = await reachable(this.redis.get(name));
    return text === null ? undefined : schema.Parse(JSON.parse(text));
  }

  async #replace(name: string, claim: string, text: string): Promise<boolean> {
    return (await reachable(this.redis.eval(REPLACE, 1, name, claim, text, KEPT))) === 1;
  }

  /** A client's key may be personal, and of any length. */
  #name(tenant: string, key: string): string {
    return `${this.prefix}:idempotency:${tenant}:${createHash('sha256').update(key).digest('hex')}`;
  }
}
