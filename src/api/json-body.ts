/** Bodies of JSON, for the routes that take them: the others refuse the media type. */
import type { FastifyInstance } from 'fastify';

/** A key named `__proto__` or `constructor.prototype` is an error. */
export function readsJson(app: Pick<FastifyInstance, 'addContentTypeParser' | 'getDefaultJsonParser'>): void {
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    app.getDefaultJsonParser('error', 'error'),
  );
}
