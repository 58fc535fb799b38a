/** What no route takes: 404 for an unknown address, 405 for another method than those of the address (RFC 9110 §15.5.6). */
import type { FastifyInstance } from 'fastify';
import { AppError } from '../errors.js';
import { received } from './expected.js';

/** To be called before any route is registered. Refuses before anything of a body is read. */
export function refuseUnknown(app: FastifyInstance): void {
  const routes: { pattern: RegExp; methods: string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    routes.push({ pattern: patternOf(url), methods: [method].flat() });
  });
  app.addHook('onRequest', async (request, reply) => {
    if (!request.is404) return;
    const path = request.url.split('?')[0]!;
    const found = routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods);
    const methods = [...new Set(found)].join(', ');
    if (methods === '')
      throw new AppError('NOT_FOUND', { detail: `No route for ${received(path)}; see /docs.` });
    reply.header('allow', methods);
    throw new AppError('METHOD_NOT_ALLOWED', {
      detail: `Received ${request.method} for ${received(path)}; expected ${methods}.`,
    });
  });
}

/** `/embeddings/:id/image` -> ^/embeddings/[^/]+/image$ */
function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => {
    if (part.startsWith(':')) return '[^/]+';
    return part === '*' ? '.*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('/')}$`);
}
