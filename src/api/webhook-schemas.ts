/** Shapes of webhooks and their deliveries, and how stored ones look from outside. */
import { type Static, Type } from 'typebox';
import { OUTBOX_TYPES } from '../store/job-protocol.js';
import { Attempt, DELIVERY_STATES, type DeliveryRecord, EVENT_TYPES } from '../store/webhook-deliveries.js';
import { DISABLED_REASONS, type WebhookRecord } from '../store/webhooks.js';
import { time } from './schemas.js';

const exampleWebhook = 'wh_3Fh6pWz1sXk9DgUe4RtB';
const exampleDelivery = 'dlv_5Yc1nRq8vKx2JmTz7WbP0aLd';

const webhookId = Type.String({ description: 'Id of the webhook.', examples: [exampleWebhook] });
const deliveryId = Type.String({ description: 'Id of the delivery.', examples: [exampleDelivery] });
/** Whatever cannot be an id is unknown like any other. */
export const WebhookParams = Type.Object({ id: webhookId });
export const DeliveryParams = Type.Object({ id: webhookId, deliveryId });

const url = (maxLength: number) =>
  Type.String({
    pattern: '^https?://[!-~]+$',
    maxLength,
    description: 'Where events are posted to: `https://`, a host on the internet, no user name or password.',
    examples: ['https://example.com/hooks/latentmorph'],
  });
const events = Type.Array(Type.Enum([...OUTBOX_TYPES]), {
  minItems: 1,
  uniqueItems: true,
  description: 'Which ends of embeddings it hears of.',
  examples: [['embedding.succeeded', 'embedding.failed']],
});
const description = Type.String({
  minLength: 1,
  maxLength: 200,
  description: 'For people: what it is used for.',
  examples: ['Photo app, production'],
});

export const newWebhook = (maxUrl: number) =>
  Type.Object(
    {
      url: url(maxUrl),
      events: Type.Optional({ ...events, default: [...OUTBOX_TYPES] }),
      description: Type.Optional(description),
    },
    { additionalProperties: false },
  );

const Disabled = Type.Object(
  {
    at: time('Since when nothing is sent.'),
    reason: Type.Enum([...DISABLED_REASONS], {
      description: '`gone`: it answered 410; `failing`: for five days no attempt succeeded.',
      examples: ['gone'],
    }),
  },
  { description: 'Only of a webhook that was disabled; `POST /webhooks/{id}/enable` takes it up again.' },
);

const webhookFields = {
  id: webhookId,
  url: Type.String({
    description: 'Where events are posted to.',
    examples: ['https://example.com/hooks/latentmorph'],
  }),
  events,
  description: Type.Optional(description),
  createdAt: time('When it was made.'),
  failingSince: Type.Optional(time('First attempt that failed since one that succeeded.')),
  disabled: Type.Optional(Disabled),
};
export const Webhook = Type.Object(webhookFields, {
  $id: 'Webhook',
  description: 'Where events are sent to.',
});
export type Webhook = Static<typeof Webhook>;

const secret = Type.String({
  description: 'What signs; told only now. Give it to the receiver and keep it from everybody else.',
  examples: ['whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'],
});
export const NewWebhookAnswer = Type.Object(
  { ...webhookFields, secret },
  { description: 'The webhook, and its secret, which is not shown again.' },
);
export const RotatedSecret = Type.Object(
  { secret, oldSecretUntil: time('Until when the secret before signs, too.') },
  { description: 'The new secret, which is not shown again.' },
);
export const WebhookList = Type.Object(
  { webhooks: Type.Array(Type.Ref('Webhook'), { description: 'The newest first.' }) },
  { description: 'All webhooks of the tenant.' },
);

export const Delivery = Type.Object(
  {
    id: deliveryId,
    message: Type.String({
      description: 'The `webhook-id` of every attempt, by which a receiver knows what it has had.',
      examples: ['msg_0aLd5Yc1nRq8vKx2JmTz7WbP'],
    }),
    type: Type.Enum([...EVENT_TYPES], { description: 'What happened.', examples: ['embedding.succeeded'] }),
    embedding: Type.Optional(
      Type.String({
        description: 'Id of the embedding; a test has none.',
        examples: ['emb_8Jx0cTq5mYb2LrVw7NfK'],
      }),
    ),
    state: Type.Enum([...DELIVERY_STATES], {
      description: '`pending`: there will be another attempt, once the webhook is enabled.',
      examples: ['pending'],
    }),
    createdAt: time('When the first attempt was due.'),
    nextAttemptAt: Type.Optional(time('When the next attempt is due; of pending ones.')),
    finishedAt: Type.Optional(time('When it succeeded, or was given up.')),
    attempts: Type.Array(Attempt, { description: 'The oldest first, at most the latest 30.' }),
  },
  { $id: 'Delivery', description: 'One event on its way to one webhook.' },
);
export type Delivery = Static<typeof Delivery>;

export function presentWebhook(record: WebhookRecord): Webhook {
  const { id, url, events, description, createdAt, failingSince, disabledAt, disabledReason } = record;
  const disabled = disabledAt && disabledReason && { at: disabledAt, reason: disabledReason };
  return {
    id,
    url,
    events,
    ...(description !== undefined && { description }),
    createdAt,
    ...(failingSince !== undefined && { failingSince }),
    ...(disabled && { disabled }),
  };
}

export function presentDelivery(record: DeliveryRecord): Delivery {
  const { webhook: _webhook, tenant: _tenant, happenedAt: _at, tries: _tries, ...shown } = record;
  return shown;
}

/** An answer that is a webhook, or a delivery, in the one place where each is described. */
export const webhookAnswer = (text: string) => answerOf('Webhook', text);
export const deliveryAnswer = (text: string) => answerOf('Delivery', text);

const answerOf = (name: 'Webhook' | 'Delivery', description: string) => ({
  description,
  content: { 'application/json': { schema: Type.Ref(name) } },
});
