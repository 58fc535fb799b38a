/**
 * What is sent: `{type, timestamp, data}` of Standard Webhooks. It is made anew at every attempt out of what is still known
 * of the embedding: no copy of a client's labels outlives their deletion, and a late attempt tells nothing that was erased.
 */
import { Webhook } from 'standardwebhooks';
import type { Records } from '../store/records.js';
import { type DeliveryRecord, TEST_EVENT } from '../store/webhook-deliveries.js';

/** The body as a JSON text. */
export async function messageOf(
  records: Pick<Records, 'find'>,
  delivery: Pick<DeliveryRecord, 'tenant' | 'type' | 'embedding' | 'webhook' | 'happenedAt'>,
): Promise<string> {
  const { type, happenedAt } = delivery;
  const data = type === TEST_EVENT ? { webhook: delivery.webhook } : await embeddingData(records, delivery);
  return JSON.stringify({ type, timestamp: happenedAt, data });
}

async function embeddingData(
  records: Pick<Records, 'find'>,
  { tenant, type, embedding: id = '' }: Pick<DeliveryRecord, 'tenant' | 'type' | 'embedding'>,
): Promise<object> {
  const record = await records.find(tenant, id);
  return {
    id,
    // That of the event: the embedding may have moved on since.
    state: type.slice(type.indexOf('.') + 1),
    reference: record?.reference,
    labels: record?.labels,
    ...(record && { links: { self: `/embeddings/${id}` } }),
  };
}

/** The three headers of Standard Webhooks, with a signature for each of the secrets. `now` is the time of this attempt. */
export function signedHeaders(
  message: string,
  body: string,
  secrets: readonly string[],
  now: Date,
): Record<string, string> {
  return {
    'webhook-id': message,
    'webhook-timestamp': `${Math.floor(now.getTime() / 1000)}`,
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(message, now, body)).join(' '),
  };
}
