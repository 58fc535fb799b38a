/** `GET /embeddings`: what a tenant has, the newest first. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { EmbeddingState } from '../../contracts.js';
import { Label, RequestTags } from '../../request-tags.js';
import type { Cursor } from '../../store/record-list.js';
import type { AppDeps } from '../app.js';
import { present } from '../present.js';
import { problems } from '../schemas.js';

/** Creation and id of the last one of a page. */
const CURSOR = '^[0-9]{1,15}\\.emb_[A-Za-z0-9_-]{20}$';

const moment = (description: string) =>
  Type.Optional(Type.String({ format: 'date-time', description, examples: ['2026-01-31T12:00:00Z'] }));

const ListQuery = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 100, default: 20, description: 'Most of one page.' }),
    cursor: Type.Optional(
      Type.String({
        pattern: CURSOR,
        description: 'The `next` of the page before.',
        examples: ['1769860800000.emb_8Jx0cTq5mYb2LrVw7NfK'],
      }),
    ),
    state: Type.Optional(EmbeddingState),
    label: Type.Optional(Label),
    reference: RequestTags.properties.reference,
    createdFrom: moment('Only those created then or later, RFC 3339.'),
    createdBefore: moment('Only those created earlier, RFC 3339.'),
  },
  { additionalProperties: false },
);

const EmbeddingPage = Type.Object(
  {
    embeddings: Type.Array(Type.Ref('Embedding'), { description: 'The newest first.' }),
    next: Type.Optional(
      Type.String({
        description:
          '`cursor` of the next page; none after the last one. A page with a filter may be short, or empty, and have a next one.',
      }),
    ),
  },
  { description: 'A page.' },
);

export function listRoutes({ recordList }: AppDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/embeddings',
      schema: {
        tags: ['embeddings'],
        operationId: 'listEmbeddings',
        summary: 'Embeddings, the newest first',
        description: 'Filtered by state, label, reference and time of creation, all of which must fit.',
        querystring: ListQuery,
        response: { 200: EmbeddingPage, ...problems('BAD_REQUEST', 'UNAVAILABLE') },
      },
      handler: async ({ query, caller }, reply) => {
        const { limit, cursor, createdFrom, createdBefore, ...exact } = query;
        const filter = {
          ...exact,
          createdFrom: createdFrom === undefined ? undefined : Date.parse(createdFrom),
          createdBefore: createdBefore === undefined ? undefined : Date.parse(createdBefore),
        };
        const after = cursor === undefined ? undefined : parseCursor(cursor);
        const { records, next } = await recordList.page(caller.tenant, filter, { limit, after });
        reply.header('cache-control', 'no-store');
        return { embeddings: records.map(present), ...(next && { next: formatCursor(next) }) };
      },
    });
  };
}

const formatCursor = ({ createdAt, id }: Cursor): string => `${createdAt}.${id}`;

/** The schema has seen that it is one. */
function parseCursor(text: string): Cursor {
  const [createdAt, id] = text.split('.') as [string, string];
  return { createdAt: Number(createdAt), id };
}
