/**
 * API keys: each speaks for one tenant. Of the secret only its sha256 is kept. That is enough, since it is 32 random
 * bytes: nothing slower would make it harder to guess.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { Tenant } from '../contracts.js';
import { LastSeen } from './last-seen.js';
import { reachable } from './redis.js';

export const ApiKey = Type.Object({
  id: Type.String(),
  tenant: Tenant,
  /** For people: what it is used for. */
  name: Type.String(),
  /** May read metrics and queues of the whole service. */
  admin: Type.Boolean(),
  createdAt: Type.String(),
  revokedAt: Type.Optional(Type.String()),
  /** Requests a minute; without it, as configured. 0: no limit. */
  ratePerMinute: Type.Optional(Type.Integer()),
  /** Device seconds that its tenant may have used on a day when it asks for another embedding; without it, as configured. 0: no limit. */
  deviceSecondsPerDay: Type.Optional(Type.Integer()),
});
export type ApiKey = Static<typeof ApiKey>;

const Stored = Type.Object({ ...ApiKey.properties, hash: Type.String() });
type Stored = Static<typeof Stored>;
const schema = Compile(Stored);

/** `lm_<id>_<secret>`: the prefix lets scanners of leaked secrets know it. */
const TOKEN = /^lm_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;
/** Milliseconds for which a look at the store holds: a revoked key is refused after it at the latest. */
const REMEMBERED_MS = 2_000;

interface Look {
  stored: Stored | undefined;
}

export type NewKey = Pick<ApiKey, 'tenant' | 'name' | 'admin' | 'ratePerMinute' | 'deviceSecondsPerDay'>;

export class ApiKeys {
  readonly #seen = new LRUCache<string, Look>({ max: 10_000, ttl: REMEMBERED_MS });
  /** Keys that were valid a moment ago are while Redis is away. */
  readonly #lastSeen = new LastSeen<Look>(({ stored }) => stored !== undefined);

  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /** Makes a key. `token` is told this once and cannot be found out later. */
  async create(wanted: NewKey): Promise<{ key: ApiKey; token: string }> {
    const id = randomBytes(8).toString('hex');
    const secret = randomBytes(32).toString('base64url');
    const key: ApiKey = { id, ...wanted, createdAt: this.now().toISOString() };
    await reachable(this.redis.hset(this.#key, id, JSON.stringify({ ...key, hash: hashOf(secret) })));
    return { key, token: `lm_${id}_${secret}` };
  }

  /** All keys, revoked ones too, the oldest first. */
  async list(): Promise<ApiKey[]> {
    const texts = Object.values(await reachable(this.redis.hgetall(this.#key)));
    return texts.map((text) => publicKey(read(text))).sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  }

  /** False when there is no such key. A key stays revoked. */
  async revoke(id: string): Promise<boolean> {
    const stored = await this.#look(id);
    if (!stored) return false;
    const revoked = { ...stored, revokedAt: stored.revokedAt ?? this.now().toISOString() };
    await reachable(this.redis.hset(this.#key, id, JSON.stringify(revoked)));
    this.#seen.delete(id);
    return true;
  }

  /** The key of a token; undefined for one that was never made, or was revoked. */
  async verify(token: string): Promise<ApiKey | undefined> {
    const [, id, secret] = TOKEN.exec(token) ?? [];
    if (!id || !secret) return undefined;
    const stored = await this.#recent(id);
    const isSame = timingSafeEqual(Buffer.from(hashOf(secret)), Buffer.from(stored?.hash ?? NO_HASH));
    return stored && isSame && !stored.revokedAt ? publicKey(stored) : undefined;
  }

  /** The key of this id, unless there is none or it was revoked. */
  async byId(id: string): Promise<ApiKey | undefined> {
    const stored = await this.#recent(id);
    return stored && !stored.revokedAt ? publicKey(stored) : undefined;
  }

  async #recent(id: string): Promise<Stored | undefined> {
    const seen = this.#seen.get(id);
    if (seen) return seen.stored;
    const found = await this.#lastSeen.through(id, async () => ({ stored: await this.#look(id) }));
    this.#seen.set(id, found);
    return found.stored;
  }

  async #look(id: string): Promise<Stored | undefined> {
    const text = await reachable(this.redis.hget(this.#key, id));
    return text === null ? undefined : read(text);
  }

  get #key(): string {
    return `${this.prefix}:api-keys`;
  }
}

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');
/** Compared with where there is no key, so that its absence takes as long. */
const NO_HASH = '0'.repeat(64);

const read = (text: string): Stored => schema.Parse(JSON.parse(text));

function publicKey({ hash: _hash, ...key }: Stored): ApiKey {
  return key;
}
