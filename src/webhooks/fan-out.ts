/** From the end of an embedding to a delivery for each endpoint of its tenant that wants to hear of it. */
import type { Outbox, OutboxEntry } from '../store/outbox.js';
import { shortHash, type WebhookDeliveries } from '../store/webhook-deliveries.js';
import type { Webhooks } from '../store/webhooks.js';

export interface FanOutDeps {
  outbox: Pick<Outbox, 'take' | 'drop'>;
  webhooks: Pick<Webhooks, 'list'>;
  deliveries: Pick<WebhookDeliveries, 'add'>;
}

const AT_A_TIME = 100;

/**
 * Empties the outbox. Ids of messages and deliveries follow from the entry: whoever does it once more after a crash adds
 * nothing twice.
 */
export async function fanOut(deps: FanOutDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const entries = await deps.outbox.take(AT_A_TIME);
    if (entries.length === 0) return;
    for (const entry of entries) await pass(deps, entry);
  }
}

async function pass(
  { outbox, webhooks, deliveries }: FanOutDeps,
  { entry, type, id, tenant, at }: OutboxEntry,
): Promise<void> {
  const message = `msg_${shortHash(entry, type, id)}`;
  for (const webhook of await webhooks.list(tenant)) {
    if (webhook.disabledAt !== undefined || !webhook.events.includes(type)) continue;
    await deliveries.add(webhook.id, { tenant, message, type, embedding: id, happenedAt: at });
  }
  await outbox.drop(entry);
}
