/** `/openapi.yaml` and the interactive `/docs`, both made from the route schemas; nothing is loaded from elsewhere. */
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';

const OpenApi: Record<string, unknown> = {
  type: 'object',
  description: 'As YAML.',
  required: ['openapi'],
  properties: { openapi: { type: 'string' } },
  additionalProperties: true,
};

export const docsRoutes: FastifyPluginAsyncTypebox = async (app) => {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, access: 'public' };
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    // The service speaks plain HTTP behind its proxy, where an upgraded request would find nobody.
    transformStaticCSP: (policy) => policy.replace(/\s*upgrade-insecure-requests;?/, ''),
    // Otherwise the page sends its address to a validator on the Internet.
    uiConfig: { validatorUrl: null },
  });
  app.route({
    method: 'GET',
    url: '/openapi.yaml',
    schema: {
      tags: ['service'],
      security: [],
      operationId: 'getOpenApi',
      summary: 'This description',
      response: {
        200: { description: 'OpenAPI 3.1.', content: { 'application/yaml': { schema: OpenApi } } },
      },
    },
    handler: async (_request, reply) => reply.type('application/yaml').send(app.swagger({ yaml: true })),
  });
};
