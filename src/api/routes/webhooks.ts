/** `/webhooks`: where a tenant is told of the ends of its embeddings. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { AppError } from '../../errors.js';
import { OUTBOX_TYPES } from '../../store/job-protocol.js';
import { MAX_WEBHOOKS, OLD_SECRET_HOURS, type WebhookRecord } from '../../store/webhooks.js';
import { MAX_URL_LENGTH, refusalOf } from '../../webhooks/target.js';
import type { AppDeps } from '../app.js';
import { readsJson } from '../json-body.js';
import { problems } from '../schemas.js';
import {
  NewWebhookAnswer,
  newWebhook,
  presentWebhook,
  RotatedSecret,
  WebhookList,
  WebhookParams,
  webhookAnswer,
} from '../webhook-schemas.js';

const tags = ['webhooks'];
const BODY_LIMIT = 16_384;

const unknownWebhook = (): AppError =>
  new AppError('WEBHOOK_NOT_FOUND', {
    detail: 'It was never made, or it was deleted; GET /webhooks lists yours.',
  });

/** The webhook, if it is the tenant's; the same 404 for everybody else's as for none. */
export async function findWebhook(
  { webhooks }: Pick<AppDeps, 'webhooks'>,
  tenant: string,
  id: string,
): Promise<WebhookRecord> {
  const found = await webhooks.find(tenant, id);
  if (!found) throw unknownWebhook();
  return found;
}

export function webhookRoutes(deps: AppDeps): FastifyPluginAsyncTypebox {
  const { webhooks, config } = deps;
  return async (app) => {
    await app.register(createRoute(deps));

    app.route({
      method: 'GET',
      url: '/webhooks',
      schema: {
        tags,
        operationId: 'listWebhooks',
        summary: 'All webhooks',
        response: { 200: WebhookList, ...problems('UNAVAILABLE') },
      },
      handler: async ({ caller }, reply) => {
        reply.header('cache-control', 'no-store');
        return { webhooks: (await webhooks.list(caller.tenant)).map(presentWebhook) };
      },
    });

    app.route({
      method: 'GET',
      url: '/webhooks/:id',
      schema: {
        tags,
        operationId: 'getWebhook',
        summary: 'A webhook and how it fares',
        params: WebhookParams,
        response: { 200: webhookAnswer('The webhook.'), ...problems('WEBHOOK_NOT_FOUND', 'UNAVAILABLE') },
      },
      handler: async ({ params, caller }, reply) => {
        const webhook = presentWebhook(await findWebhook(deps, caller.tenant, params.id));
        return reply.header('cache-control', 'no-store').send(webhook);
      },
    });

    app.route({
      method: 'DELETE',
      url: '/webhooks/:id',
      schema: {
        tags,
        operationId: 'deleteWebhook',
        summary: 'Delete a webhook with its deliveries',
        description: 'What waits to be sent to it is not sent any more.',
        params: WebhookParams,
        response: {
          204: { description: 'Deleted.', type: 'null' },
          ...problems('WEBHOOK_NOT_FOUND', 'UNAVAILABLE'),
        },
      },
      handler: async ({ params, caller }, reply) => {
        if (!(await webhooks.remove(caller.tenant, params.id))) throw unknownWebhook();
        return reply.code(204).send(null);
      },
    });

    app.route({
      method: 'POST',
      url: '/webhooks/:id/rotate-secret',
      schema: {
        tags,
        operationId: 'rotateWebhookSecret',
        summary: 'Give a webhook a new secret',
        description: `For ${OLD_SECRET_HOURS} hours the secret before signs, too, so that the receiver can be changed meanwhile: \`webhook-signature\` then holds two signatures. A secret that was replaced twice signs no more.`,
        params: WebhookParams,
        response: { 200: RotatedSecret, ...problems('WEBHOOK_NOT_FOUND', 'UNAVAILABLE') },
      },
      handler: async ({ params, caller }, reply) => {
        const rotated = await webhooks.rotate(caller.tenant, params.id);
        if (!rotated) throw unknownWebhook();
        return reply.header('cache-control', 'no-store').send(rotated);
      },
    });

    app.route({
      method: 'POST',
      url: '/webhooks/:id/enable',
      schema: {
        tags,
        operationId: 'enableWebhook',
        summary: 'Take a webhook up again that was disabled',
        description:
          'What waited when it was disabled is sent; what happened meanwhile is not. Enabling one that is not disabled changes nothing of note.',
        params: WebhookParams,
        response: {
          200: webhookAnswer('The webhook.'),
          ...problems('WEBHOOK_NOT_FOUND', 'WEBHOOK_URL_REFUSED', 'UNAVAILABLE'),
        },
      },
      handler: async ({ params, caller }, reply) => {
        const { url } = await findWebhook(deps, caller.tenant, params.id);
        refuseUrl(url, config);
        await webhooks.enable(caller.tenant, params.id);
        const webhook = presentWebhook(await findWebhook(deps, caller.tenant, params.id));
        return reply.header('cache-control', 'no-store').send(webhook);
      },
    });
  };
}

/** In a plugin of its own, since the other routes read no body. */
function createRoute({ webhooks, config }: AppDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    readsJson(app);
    app.route({
      method: 'POST',
      url: '/webhooks',
      bodyLimit: BODY_LIMIT,
      schema: {
        tags,
        operationId: 'createWebhook',
        summary: 'Have the ends of embeddings posted to a URL',
        description: `Signed as Standard Webhooks has it; delivered at least once, tried again for three days. At most ${MAX_WEBHOOKS} of a tenant.`,
        body: newWebhook(MAX_URL_LENGTH),
        response: {
          201: NewWebhookAnswer,
          ...problems(
            'BAD_REQUEST',
            'WEBHOOK_URL_REFUSED',
            'WEBHOOK_LIMIT',
            'PAYLOAD_TOO_LARGE',
            'UNSUPPORTED_MEDIA_TYPE',
            'UNAVAILABLE',
          ),
        },
      },
      handler: async ({ body, caller }, reply) => {
        refuseUrl(body.url, config);
        const { url, events = OUTBOX_TYPES, description } = body;
        const made = await webhooks.create(caller.tenant, { url: new URL(url).href, events, description });
        if (!made)
          throw new AppError('WEBHOOK_LIMIT', {
            detail: `There are ${MAX_WEBHOOKS} webhooks already, the most of a tenant; delete one first.`,
          });
        reply.code(201).header('cache-control', 'no-store').header('location', `/webhooks/${made.id}`);
        return { ...presentWebhook(made), secret: made.secret };
      },
    });
  };
}

function refuseUrl(url: string, { webhookPrivate }: AppDeps['config']): void {
  const detail = refusalOf(url, { allowPrivate: webhookPrivate === 'allow' });
  if (detail !== undefined) throw new AppError('WEBHOOK_URL_REFUSED', { detail });
}
