/** `/openapi.yaml` and the interactive `/docs`, both made from the route schemas; nothing is loaded from elsewhere. */
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';

export const docsRoutes: FastifyPluginAsyncTypebox = async (app) => {
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
  app.route({
    method: 'GET',
    url: '/openapi.yaml',
    schema: {
      tags: ['service'],
      operationId: 'getOpenApi',
      summary: 'This description',
      response: {
        200: { description: 'OpenAPI 3.1.', content: { 'application/yaml': { schema: { type: 'string' } } } },
      },
    },
    handler: async (_request, reply) => reply.type('application/yaml').send(app.swagger({ yaml: true })),
  });
};
