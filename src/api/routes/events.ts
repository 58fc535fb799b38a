/** `GET /embeddings/{id}/events`: what happens to an embedding, as server-sent events. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { EmbeddingRecord } from '../../contracts.js';
import { AppError } from '../../errors.js';
import { type Change, EVENT_ID } from '../../store/changes.js';
import type { AppDeps } from '../app.js';
import { endOf } from '../closing.js';
import { sendStream } from '../image-reply.js';
import { type Embedding, EmbeddingParams, problems } from '../schemas.js';
import { shown } from '../shown.js';
import { isFinished } from '../wait.js';

/** Proxies and browsers give up on a silent connection. */
const HEARTBEAT_MS = 15_000;
/** Hints can be lost with their connection. */
const LOOK_AGAIN_MS = 5_000;
/** Milliseconds after which a client shall connect again. */
const RETRY_MS = 2_000;

const EventHeaders = Type.Object({
  'last-event-id': Type.Optional(
    Type.String({
      pattern: `${EVENT_ID.source}|^$`,
      description: 'Id of the last event that was received: only what came after it is sent.',
      examples: ['1769860800000-0'],
    }),
  ),
});

export function eventRoutes(deps: AppDeps): FastifyPluginAsyncTypebox {
  const { records, changes } = deps;
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/embeddings/:id/events',
      schema: {
        tags: ['embeddings'],
        operationId: 'getEmbeddingEvents',
        summary: 'State, progress, previews and result of an embedding as they come',
        description:
          'Server-sent events: `state` (the embedding as it is; first of all), `progress`, `preview` (address of the latest image) and `result` (the finished embedding; the stream ends with it). A comment every 15 seconds keeps the connection alive. After a lost connection a client that sends `Last-Event-ID`, as browsers do, misses nothing; what is no longer kept is made up for by another `state`.',
        params: EmbeddingParams,
        headers: EventHeaders,
        response: {
          200: {
            description: 'The events.',
            content: { 'text/event-stream': { schema: ServerSentEvent } },
          },
          204: { description: 'The result was sent already; do not connect again.', type: 'null' },
          ...problems('BAD_REQUEST', 'EMBEDDING_NOT_FOUND', 'BUSY', 'UNAVAILABLE'),
        },
      },
      handler: async (request, reply) => {
        const { id } = request.params;
        const { tenant } = request.caller;
        // Browsers send an empty one where no event had an id.
        const last = request.headers['last-event-id'] || undefined;
        const record = await records.find(tenant, id);
        if (!record)
          throw new AppError('EMBEDDING_NOT_FOUND', { detail: 'It was never created, or it was deleted.' });
        if (last !== undefined && isFinished(record.state) && (await changes.latest(id)) === last)
          return reply.code(204).send(null);
        reply.header('cache-control', 'no-store').header('x-accel-buffering', 'no').type('text/event-stream');
        if (request.method === 'HEAD') return sendStream(reply, []);
        if (!app.followers.enter(reply))
          throw new AppError('BUSY', {
            detail:
              'Too many requests follow embeddings; ask for the embedding itself, or try again in a moment.',
          });
        const find = () => records.find(tenant, id);
        const show = async (found: EmbeddingRecord) => (await shown(deps, [found]))[0]!;
        return sendStream(reply, events({ find, show, changes, id }, last, endOf(request, reply)));
      },
    });
  };
}

const ServerSentEvent = Type.Object(
  {
    id: Type.String({ description: 'For `Last-Event-ID`.', examples: ['1769860800000-0'] }),
    event: Type.Enum(['state', 'progress', 'preview', 'result']),
    data: Type.String({ description: 'JSON.', examples: ['{"step":20,"steps":200,"fraction":0.1}'] }),
  },
  { description: 'One of the events.' },
);

interface Source {
  id: string;
  find: () => Promise<EmbeddingRecord | undefined>;
  show: (record: EmbeddingRecord) => Promise<Embedding>;
  changes: AppDeps['changes'];
}

/** The text of the stream. Ends after the result, when the embedding is deleted, and when the signal aborts. */
async function* events(
  { id, find, show, changes }: Source,
  last: string | undefined,
  end: AbortSignal,
): AsyncGenerator<string> {
  const bell = new Bell(end);
  const unfollow = changes.follow(id, () => bell.ring());
  try {
    yield `retry: ${RETRY_MS}\n\n`;
    let seen = last ?? (await changes.latest(id));
    let isUnknown = last === undefined;
    for (let silentSince = performance.now(); !end.aborted; ) {
      const { changes: news, isGap } = await changes.since(id, seen);
      if (isUnknown || isGap) {
        // Before the look, so that nothing that happens after it is missed.
        if (isGap) seen = news.at(-1)?.id ?? (await changes.latest(id));
        const record = await find();
        if (!record) return;
        yield event(seen, isFinished(record.state) ? 'result' : 'state', await show(record));
        if (isFinished(record.state)) return;
        isUnknown = false;
        continue;
      }
      for (const change of news) {
        seen = change.id;
        silentSince = performance.now();
        if (change.kind === 'progress') {
          yield* further(id, change);
          continue;
        }
        const record = await find();
        if (!record) return;
        const finished = isFinished(record.state);
        // A change of the past whose outcome is known: what lies between comes first, be it read already or not.
        if (finished && change.id !== (await changes.latest(id))) continue;
        yield event(seen, finished ? 'result' : 'state', await show(record));
        if (finished) return;
      }
      if (news.length > 0) continue;
      if (performance.now() - silentSince >= HEARTBEAT_MS) {
        yield ': still here\n\n';
        silentSince = performance.now();
        if (!(await find())) return;
      }
      await bell.next(LOOK_AGAIN_MS);
    }
  } finally {
    unfollow();
  }
}

function* further(id: string, change: Change): Generator<string> {
  const { hasPreview, ...progress } = change.data as { hasPreview: boolean; step: number; steps: number };
  yield event(change.id, 'progress', { ...progress, fraction: progress.step / progress.steps });
  if (hasPreview)
    yield event(change.id, 'preview', {
      step: progress.step,
      href: `/embeddings/${id}/image?kind=preview`,
    });
}

const event = (id: string, name: string, data: unknown): string =>
  `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

/** Wakes who waits for it, at once if it rang meanwhile. */
class Bell {
  #rang = false;
  #wake: () => void = () => undefined;

  constructor(end: AbortSignal) {
    end.addEventListener('abort', () => this.ring(), { once: true });
  }

  ring(): void {
    this.#rang = true;
    this.#wake();
  }

  /** Resolves after the next ring, or after the time. */
  async next(ms: number): Promise<void> {
    if (!this.#rang) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#rang = false;
  }
}
