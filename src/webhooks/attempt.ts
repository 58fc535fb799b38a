/** One attempt of one delivery: read, sign, send, judge, write down. */
import type { Dispatcher } from 'undici';
import type { Records } from '../store/records.js';
import type { Claim, DeliveryRecord, Finish, WebhookDeliveries } from '../store/webhook-deliveries.js';
import { secretsAt, type WebhookRecord, type Webhooks } from '../store/webhooks.js';
import { messageOf, signedHeaders } from './message.js';
import { type Answer, post } from './post.js';
import { retryAfterMs, retryDelay } from './retries.js';
import { refusalOf } from './target.js';

export interface AttemptDeps {
  webhooks: Pick<Webhooks, 'byId'>;
  deliveries: Pick<WebhookDeliveries, 'find' | 'finish'>;
  records: Pick<Records, 'find'>;
  /** Connects to what may be connected to: see safe-agent.ts. */
  dispatcher: Dispatcher;
  allowPrivate: boolean;
  timeoutMs: number;
  now: () => Date;
  /** From 0 to below 1. */
  random: () => number;
}

/** Milliseconds after which an endpoint is disabled that has not answered well once. */
const GIVEN_UP_MS = 5 * 86_400_000;
const GONE = 410;
/** Statuses whose `Retry-After` holds for everything that is sent to the endpoint. */
const WAIT_STATUSES: readonly (number | undefined)[] = [429, 503];

/** Does a claimed delivery; undefined where it or its endpoint was deleted meanwhile, or the claim was lost. */
export async function attempt(deps: AttemptDeps, claim: Claim): Promise<Finish | undefined> {
  const [webhook, delivery] = await Promise.all([
    deps.webhooks.byId(claim.webhook),
    deps.deliveries.find(claim.webhook, claim.id),
  ]);
  if (!webhook || !delivery) return undefined;
  const sentAt = deps.now();
  const begun = performance.now();
  const answer = await send(deps, webhook, delivery, sentAt);
  const ms = Math.round(performance.now() - begun);
  const result = judge(answer, { webhook, delivery, sentAt, ms }, deps);
  return (await deps.deliveries.finish(claim, delivery, result)) ? result : undefined;
}

async function send(
  deps: AttemptDeps,
  webhook: WebhookRecord,
  delivery: DeliveryRecord,
  sentAt: Date,
): Promise<Answer> {
  // It was allowed when it was registered, perhaps under another configuration.
  if (refusalOf(webhook.url, deps) !== undefined) return { failure: 'address-not-allowed' };
  const body = await messageOf(deps.records, delivery);
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'latentmorph-webhooks',
    ...signedHeaders(delivery.message, body, secretsAt(webhook, sentAt), sentAt),
  };
  return post(deps, webhook.url, headers, body);
}

interface Sent {
  webhook: Pick<WebhookRecord, 'failingSince'>;
  delivery: Pick<DeliveryRecord, 'tries'>;
  sentAt: Date;
  ms: number;
}

/** What follows from an answer. */
export function judge(
  { status, failure, retryAfter }: Answer,
  { webhook, delivery, sentAt, ms }: Sent,
  { now, random }: Pick<AttemptDeps, 'now' | 'random'>,
): Finish {
  const made = {
    at: sentAt.toISOString(),
    ms,
    ...(status !== undefined && { status }),
    ...(failure !== undefined && { failure }),
  };
  if (failure === undefined) return { attempt: made, state: 'succeeded' };
  if (status === GONE) return { attempt: made, state: 'failed', disable: 'gone' };

  const at = now();
  const failingMs = at.getTime() - Date.parse(webhook.failingSince ?? at.toISOString());
  const health = failingMs >= GIVEN_UP_MS ? { disable: 'failing' as const } : {};
  const asked = WAIT_STATUSES.includes(status) ? retryAfterMs(retryAfter, at) : undefined;
  const paused = asked === undefined ? {} : { pausedUntil: at.getTime() + asked };
  const delay = retryDelay(delivery.tries + 1, random);
  if (delay === undefined) return { attempt: made, state: 'failed', ...health, ...paused };
  const nextAttemptAt = at.getTime() + Math.max(delay, asked ?? 0);
  return { attempt: made, state: 'pending', nextAttemptAt, ...health, ...paused };
}
