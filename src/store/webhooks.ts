/**
 * Endpoints of webhooks: one Redis hash each, a JSON text per field.
 *
 * Their secrets are kept as they are, since whoever signs must have them; they are told once, when made, and are in no
 * answer and no log line afterwards (docs/decisions/0020).
 */
import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { Tenant } from '../contracts.js';
import { OUTBOX_TYPES, type OutboxType } from './job-protocol.js';
import { fieldsOf, fromHash } from './json-hash.js';
import { reachable } from './redis.js';
import { CREATE_WEBHOOK, ENABLE_WEBHOOK, REMOVE_WEBHOOK, ROTATE_SECRET } from './webhook-scripts.js';

/** Endpoints that a tenant may have. */
export const MAX_WEBHOOKS = 20;
/** Hours for which a secret goes on signing after it was replaced. */
export const OLD_SECRET_HOURS = 24;
const SECRET_BYTES = 32;

/** `gone`: it answered 410; `failing`: no attempt has succeeded for days. */
export const DISABLED_REASONS = ['gone', 'failing'] as const;
export type DisabledReason = (typeof DISABLED_REASONS)[number];

export const WebhookRecord = Type.Object({
  id: Type.String(),
  tenant: Tenant,
  url: Type.String(),
  events: Type.Array(Type.Enum([...OUTBOX_TYPES])),
  description: Type.Optional(Type.String()),
  createdAt: Type.String(),
  /** `whsec_` and base64, as Standard Webhooks writes it. */
  secret: Type.String(),
  /** Signs too until `oldSecretUntil`. */
  oldSecret: Type.Optional(Type.String()),
  oldSecretUntil: Type.Optional(Type.String()),
  disabledAt: Type.Optional(Type.String()),
  disabledReason: Type.Optional(Type.Enum([...DISABLED_REASONS])),
  /** First failed attempt since the last one that succeeded. */
  failingSince: Type.Optional(Type.String()),
  /** Milliseconds since 1970 until which it asked to be left alone. */
  pausedUntil: Type.Optional(Type.Number()),
});
export type WebhookRecord = Static<typeof WebhookRecord>;
const schema = Compile(WebhookRecord);

export interface NewWebhook {
  url: string;
  events: readonly OutboxType[];
  description?: string | undefined;
}

export class Webhooks {
  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /** Undefined when the tenant has `MAX_WEBHOOKS` already. */
  async create(tenant: string, { url, events, description }: NewWebhook): Promise<WebhookRecord | undefined> {
    const now = this.now();
    const record: WebhookRecord = {
      id: `wh_${randomBytes(15).toString('base64url')}`,
      tenant,
      url,
      events: [...events],
      ...(description !== undefined && { description }),
      createdAt: now.toISOString(),
      secret: newSecret(),
    };
    const args = [tenant, record.id, `${now.getTime()}`, `${MAX_WEBHOOKS}`, ...fieldsOf(record)];
    return (await this.#run(CREATE_WEBHOOK, args)) ? record : undefined;
  }

  /** Those of a tenant, the newest first. */
  async list(tenant: string): Promise<WebhookRecord[]> {
    const ids = await reachable(this.redis.zrevrange(`${this.prefix}:tenant:${tenant}:webhooks`, 0, -1));
    const found = await Promise.all(ids.map((id) => this.find(tenant, id)));
    return found.filter((record) => record !== undefined);
  }

  /** The endpoint if it belongs to the tenant: for those who ask. */
  async find(tenant: string, id: string): Promise<WebhookRecord | undefined> {
    const record = await this.byId(id);
    return record?.tenant === tenant ? record : undefined;
  }

  /** The endpoint whoever it belongs to: for those who send to it. */
  async byId(id: string): Promise<WebhookRecord | undefined> {
    const found = fromHash(await reachable(this.redis.hgetall(`${this.prefix}:webhook:${id}`)));
    return found && schema.Parse(found);
  }

  /** Deletes it with its deliveries, those that wait included; false when the tenant has no such endpoint. */
  remove(tenant: string, id: string): Promise<boolean> {
    return this.#run(REMOVE_WEBHOOK, [tenant, id, JSON.stringify(tenant)]);
  }

  /** Makes a new secret; undefined when the tenant has no such endpoint. */
  async rotate(tenant: string, id: string): Promise<{ secret: string; oldSecretUntil: string } | undefined> {
    const secret = newSecret();
    const until = new Date(this.now().getTime() + OLD_SECRET_HOURS * 3_600_000).toISOString();
    const args = [tenant, secret, until].map((value) => JSON.stringify(value));
    return (await this.#run(ROTATE_SECRET, [id, ...args])) ? { secret, oldSecretUntil: until } : undefined;
  }

  /** Takes deliveries up again; false when the tenant has no such endpoint. */
  enable(tenant: string, id: string): Promise<boolean> {
    return this.#run(ENABLE_WEBHOOK, [id, JSON.stringify(tenant)]);
  }

  async #run(script: string, args: string[]): Promise<boolean> {
    return (await reachable(this.redis.eval(script, 0, this.prefix, ...args))) === 1;
  }
}

/** The secrets that sign now, the newest first. */
export function secretsAt({ secret, oldSecret, oldSecretUntil }: WebhookRecord, now: Date): string[] {
  const isOldValid =
    oldSecret !== undefined && oldSecretUntil !== undefined && Date.parse(oldSecretUntil) > now.getTime();
  return isOldValid ? [secret, oldSecret] : [secret];
}

const newSecret = (): string => `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
