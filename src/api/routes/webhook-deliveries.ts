/** What was sent to a webhook, and sending it again. */
import { randomBytes } from 'node:crypto';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { AppError } from '../../errors.js';
import { TEST_EVENT } from '../../store/webhook-deliveries.js';
import type { WebhookRecord } from '../../store/webhooks.js';
import type { AppDeps } from '../app.js';
import { problems } from '../schemas.js';
import { DeliveryParams, deliveryAnswer, presentDelivery, WebhookParams } from '../webhook-schemas.js';
import { findWebhook } from './webhooks.js';

const tags = ['webhooks'];

const DeliveryQuery = Type.Object(
  {
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, default: 20, description: 'Most of one page.' }),
    ),
    cursor: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,15}$',
        description: 'The `next` of the page before.',
        examples: ['4711'],
      }),
    ),
  },
  { additionalProperties: false },
);

const DeliveryPage = Type.Object(
  {
    deliveries: Type.Array(Type.Ref('Delivery'), { description: 'The newest first.' }),
    next: Type.Optional(
      Type.String({ description: '`cursor` of the next page; none after the last one.', examples: ['4711'] }),
    ),
  },
  { description: 'A page.' },
);

export function webhookDeliveryRoutes(deps: AppDeps): FastifyPluginAsyncTypebox {
  const { webhookDeliveries, now } = deps;

  const findEnabled = async (tenant: string, id: string): Promise<WebhookRecord> => {
    const webhook = await findWebhook(deps, tenant, id);
    if (webhook.disabledAt !== undefined)
      throw new AppError('WEBHOOK_DISABLED', {
        detail: `Nothing is sent to it since ${webhook.disabledAt}; POST /webhooks/${webhook.id}/enable takes it up again.`,
      });
    return webhook;
  };
  const unknownDelivery = (): AppError =>
    new AppError('DELIVERY_NOT_FOUND', {
      detail:
        'The webhook has no such delivery, or it is no longer kept; GET /webhooks/{id}/deliveries lists them.',
    });

  return async (app) => {
    app.route({
      method: 'GET',
      url: '/webhooks/:id/deliveries',
      schema: {
        tags,
        operationId: 'listDeliveries',
        summary: 'What was sent to a webhook, the newest first',
        description:
          'Those that wait, and of those that have ended the latest 1,000 of the last 30 days. A page may be short, or empty, and have a next one.',
        params: WebhookParams,
        querystring: DeliveryQuery,
        response: { 200: DeliveryPage, ...problems('BAD_REQUEST', 'WEBHOOK_NOT_FOUND', 'UNAVAILABLE') },
      },
      handler: async ({ params, query, caller }, reply) => {
        const { limit = 20, cursor } = query;
        const { id } = await findWebhook(deps, caller.tenant, params.id);
        const before = cursor === undefined ? undefined : Number(cursor);
        const { deliveries, next } = await webhookDeliveries.page(id, { limit, before });
        reply.header('cache-control', 'no-store');
        return {
          deliveries: deliveries.map(presentDelivery),
          ...(next !== undefined && { next: `${next}` }),
        };
      },
    });

    app.route({
      method: 'POST',
      url: '/webhooks/:id/deliveries/:deliveryId/redeliver',
      schema: {
        tags,
        operationId: 'redeliver',
        summary: 'Send an event once more',
        description:
          'With the same `webhook-id`, at once, and with all retries. One that is pending is tried at once.',
        params: DeliveryParams,
        response: {
          202: deliveryAnswer('It will be sent.'),
          ...problems('WEBHOOK_NOT_FOUND', 'DELIVERY_NOT_FOUND', 'WEBHOOK_DISABLED', 'UNAVAILABLE'),
        },
      },
      handler: async ({ params, caller }, reply) => {
        const { id } = await findEnabled(caller.tenant, params.id);
        if (!(await webhookDeliveries.redeliver(id, params.deliveryId))) throw unknownDelivery();
        const delivery = await webhookDeliveries.find(id, params.deliveryId);
        if (!delivery) throw unknownDelivery();
        return reply.code(202).header('cache-control', 'no-store').send(presentDelivery(delivery));
      },
    });

    app.route({
      method: 'POST',
      url: '/webhooks/:id/test',
      schema: {
        tags,
        operationId: 'testWebhook',
        summary: 'Send a `webhook.test` event',
        description: 'Signed and delivered like any other, whichever events the webhook wants.',
        params: WebhookParams,
        response: {
          202: deliveryAnswer('It will be sent.'),
          ...problems('WEBHOOK_NOT_FOUND', 'WEBHOOK_DISABLED', 'UNAVAILABLE'),
        },
      },
      handler: async ({ params, caller }, reply) => {
        const { id, tenant } = await findEnabled(caller.tenant, params.id);
        const message = `msg_${randomBytes(18).toString('base64url')}`;
        const event = { tenant, message, type: TEST_EVENT, happenedAt: now().toISOString() } as const;
        const delivery = await webhookDeliveries.find(id, await webhookDeliveries.add(id, event));
        // Deleted or disabled a moment ago.
        if (!delivery) throw new AppError('WEBHOOK_NOT_FOUND');
        return reply.code(202).header('cache-control', 'no-store').send(presentDelivery(delivery));
      },
    });
  };
}
