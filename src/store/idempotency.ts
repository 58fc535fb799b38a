/**
 * What became of requests with an `Idempotency-Key`: a durable record of its own, since a queue forgets its jobs. It passes
 * from `claimed` (somebody works on it) by way of a plan (the ids that are about to be stored) to `settled` (they are stored),
 * before anything is enqueued; whoever finds it settled can enqueue them again, which changes nothing for those that are there.
 * Who takes a claim over finds the plan of the one before, and records are created only while their claim holds.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { reachable } from './redis.js';

/** Seconds that a key is remembered. */
const KEPT = 86_400;
/** Milliseconds after which a claim that was not renewed is taken over: its process is gone, or stands still. By the clock of Redis. */
const LEASE = 15_000;
/** Milliseconds after which a claim is renewed at the latest. */
export const RENEW_EVERY = 4_000;

/** What a request has come to, or is about to. */
const Outcome = Type.Object({
  ids: Type.Array(Type.String()),
  /** Of each id: the position of its photo in the request. */
  photos: Type.Array(Type.Integer()),
  /** Photos that were refused where others were accepted, each with its problem document. */
  refused: Type.Array(
    Type.Object({ index: Type.Integer(), problem: Type.Record(Type.String(), Type.Unknown()) }),
  ),
});
export type Outcome = Static<typeof Outcome>;

const Entry = Type.Object({
  /** Hash of the request. */
  fingerprint: Type.String(),
  /** Names the claim, so that one that was taken over settles nothing. */
  claim: Type.String(),
  outcome: Type.Optional(Outcome),
  settled: Type.Boolean(),
});
type Entry = Static<typeof Entry>;
const schema = Compile(Entry);

/** A claim in the hands of the one who holds it. */
export type Held = Pick<Entry, 'fingerprint' | 'claim'>;

/** `claimed`: it is now the caller's; `planned` is what the one before was about to store, whose process was lost. */
export type Claim =
  | { kind: 'claimed'; held: Held; planned: Outcome | undefined }
  | { kind: 'in-flight' }
  | { kind: 'other-request' }
  | { kind: 'settled'; outcome: Outcome };

/** What makes a record come into being only while a claim holds: the key of its entry, and the claim. */
export interface ClaimFence {
  entry: string;
  claim: string;
}

/** KEYS: entry, lease. ARGV: new text, claim, fingerprint, seconds, milliseconds. Answers a kind, and the text that was there. */
const CLAIM = `
local text = redis.call('GET', KEYS[1])
local kind = 'claimed'
if text then
  local entry = cjson.decode(text)
  if entry.fingerprint ~= ARGV[3] then kind = 'other-request'
  elseif entry.settled then kind = 'settled'
  elseif redis.call('EXISTS', KEYS[2]) == 1 then kind = 'in-flight' end
end
if kind == 'claimed' then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[4])
  redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[5])
end
return {kind, text or ''}`;

/** KEYS: entry, lease. ARGV: claim, new text or '' to delete, seconds. Changes only what this claim holds and has not settled. */
const REPLACE = `
local text = redis.call('GET', KEYS[1])
if not text then return 0 end
local entry = cjson.decode(text)
if entry.claim ~= ARGV[1] or entry.settled then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1], KEYS[2]) else redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
return 1`;

/** KEYS: lease. ARGV: claim, milliseconds that it lasts from now on; 0 ends it. */
const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`;

export class Idempotency {
  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
    private readonly leaseMs: number = LEASE,
  ) {}

  /** Claims the key of a tenant for a request, or tells what became of it. */
  async claim(tenant: string, key: string, fingerprint: string): Promise<Claim> {
    const held: Held = { fingerprint, claim: randomUUID() };
    const text = textOf({ ...held, settled: false });
    const args = [text, held.claim, fingerprint, KEPT, this.leaseMs];
    const reply = await reachable(this.redis.eval(CLAIM, 2, ...this.#keys(tenant, key), ...args));
    const [kind, found] = reply as [Claim['kind'], string];
    const outcome = found ? schema.Parse(JSON.parse(found)).outcome : undefined;
    if (kind === 'claimed') return { kind, held, planned: outcome };
    if (kind !== 'settled') return { kind };
    if (!outcome) throw new Error('Expected the outcome of a settled request but found none');
    return { kind, outcome };
  }

  /** Says what is about to be stored; false when the claim was taken over. */
  plan(tenant: string, key: string, held: Held, outcome: Outcome): Promise<boolean> {
    return this.#replace(tenant, key, held, textOf({ ...held, outcome, settled: false }));
  }

  /** Remembers the outcome of a request; false when the claim was taken over meanwhile. */
  settle(tenant: string, key: string, held: Held, outcome: Outcome): Promise<boolean> {
    return this.#replace(tenant, key, held, textOf({ ...held, outcome, settled: true }));
  }

  /** Says that the request is still being worked on. */
  async renew(tenant: string, key: string, { claim }: Held): Promise<void> {
    const [, lease] = this.#keys(tenant, key);
    await reachable(this.redis.eval(RENEW, 1, lease, claim, this.leaseMs));
  }

  /** Gives a claim up: the request was refused, and may be sent again. Does nothing once it is settled. */
  async release(tenant: string, key: string, held: Held): Promise<void> {
    await this.#replace(tenant, key, held, '');
  }

  /** Gives a claim up, but leaves what it planned, which may be stored, to the next one. */
  async abandon(tenant: string, key: string, { claim }: Held): Promise<void> {
    const [, lease] = this.#keys(tenant, key);
    await reachable(this.redis.eval(RENEW, 1, lease, claim, 0));
  }

  fence(tenant: string, key: string, { claim }: Held): ClaimFence {
    return { entry: this.#keys(tenant, key)[0], claim };
  }

  async #replace(tenant: string, key: string, { claim }: Held, text: string): Promise<boolean> {
    const reply = this.redis.eval(REPLACE, 2, ...this.#keys(tenant, key), claim, text, KEPT);
    return (await reachable(reply)) === 1;
  }

  /** Entry and lease. A client's key may be personal, and of any length. */
  #keys(tenant: string, key: string): [string, string] {
    const name = `${this.prefix}:idempotency:${tenant}:${createHash('sha256').update(key).digest('hex')}`;
    return [name, `${name}:lease`];
  }
}

const textOf = (entry: Entry): string => JSON.stringify(entry);
