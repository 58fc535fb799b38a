/** Answers that last as long as their client wants end when the client goes away, or the service stops. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyInstance {
    /** Aborts when the app begins to close, which otherwise waits for every answer under way. */
    closing: AbortSignal;
  }
}

export function announceClosing(app: FastifyInstance): void {
  const closing = new AbortController();
  app.decorate('closing', closing.signal);
  app.addHook('preClose', async () => closing.abort());
  // A server that closes lets go of idle connections once, before the answers under way have ended.
  app.addHook('onResponse', async () => {
    if (closing.signal.aborted) setImmediate(() => app.server.closeIdleConnections());
  });
}

/** Aborts as soon as nobody waits for the answer any more. */
export function endOf({ server }: FastifyRequest, reply: FastifyReply): AbortSignal {
  const end = new AbortController();
  const abort = (): void => end.abort();
  if (server.closing.aborted) abort();
  server.closing.addEventListener('abort', abort);
  reply.raw.once('close', () => {
    // The signal of the app outlives all answers and must not hold on to them.
    server.closing.removeEventListener('abort', abort);
    abort();
  });
  return end.signal;
}
