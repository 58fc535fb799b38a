/** Webhooks as chores: what has ended is passed on to endpoints, and what is due is sent. */
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import { Outbox } from '../store/outbox.js';
import type { Records } from '../store/records.js';
import { WebhookDeliveries } from '../store/webhook-deliveries.js';
import { Webhooks } from '../store/webhooks.js';
import { Dispatcher } from '../webhooks/dispatcher.js';
import { fanOut } from '../webhooks/fan-out.js';
import { safeAgent } from '../webhooks/safe-agent.js';
import type { Chore } from './upkeep.js';

/** How soon an endpoint hears of an end, at the latest, when nothing else waits. */
const LOOK_EVERY_MS = 500;
/** How long an endpoint may take to be reached, and to answer; well below the lease of a delivery. */
const CONNECT_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 15_000;

export interface WebhookChoreDeps {
  redis: Redis;
  records: Pick<Records, 'find'>;
  config: Pick<Config, 'keyPrefix' | 'webhookPrivate'>;
  log: Pick<Logger, 'warn'>;
}

export function webhookChores({ redis, records, config, log }: WebhookChoreDeps): Chore[] {
  const allowPrivate = config.webhookPrivate === 'allow';
  const webhooks = new Webhooks(redis, config.keyPrefix);
  const deliveries = new WebhookDeliveries(redis, config.keyPrefix);
  const outbox = new Outbox(redis, config.keyPrefix);
  const dispatcher = new Dispatcher({
    webhooks,
    deliveries,
    records,
    allowPrivate,
    dispatcher: safeAgent({ allowPrivate, connectTimeoutMs: CONNECT_TIMEOUT_MS }),
    timeoutMs: ANSWER_TIMEOUT_MS,
    now: () => new Date(),
    random: Math.random,
    onError: (error) => log.warn({ err: error }, 'what came of a webhook was not written down'),
  });
  return [
    {
      name: 'pass events on to webhooks',
      everyMs: LOOK_EVERY_MS,
      run: (signal) => fanOut({ outbox, webhooks, deliveries }, signal),
    },
    { name: 'send webhooks', everyMs: LOOK_EVERY_MS, run: (signal) => dispatcher.run(signal) },
  ];
}
