/** `GET /embeddings`: what a tenant has, the newest first. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from 'typebox';
import { EmbeddingState } from '../../contracts.js';
import { AppError } from '../../errors.js';
import { Label, RequestTags } from '../../request-tags.js';
import type { Cursor } from '../../store/record-list.js';
import type { AppDeps } from '../app.js';
import { received } from '../expected.js';
import { present } from '../present.js';
import { problems } from '../schemas.js';

const moment = (description: string) =>
  Type.Optional(Type.String({ maxLength: 40, description, examples: ['2026-01-31T12:00:00Z'] }));

const ListQuery = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 100, default: 20, description: 'Most of one page.' }),
    cursor: Type.Optional(
      Type.String({
        maxLength: 200,
        description: 'The `next` of the page before.',
        examples: ['MTc2OTg2MDgwMDAwMC5lbWJfOEp4MGNUcTVtWWIyTHJWdzdOZks'],
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
type ListQuery = Static<typeof ListQuery>;

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
          createdFrom: millisecondsOf('createdFrom', createdFrom),
          createdBefore: millisecondsOf('createdBefore', createdBefore),
        };
        const after = cursor === undefined ? undefined : parseCursor(cursor);
        const { records, next } = await recordList.page(caller.tenant, filter, { limit, after });
        reply.header('cache-control', 'no-store');
        return { embeddings: records.map(present), ...(next && { next: formatCursor(next) }) };
      },
    });
  };
}

const MOMENT = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

function millisecondsOf(name: keyof ListQuery, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = MOMENT.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(time)) return time;
  throw new AppError('BAD_REQUEST', {
    detail: `Expected a moment such as 2026-01-31T12:00:00Z for \`${name}\` but received ${received(text)}.`,
  });
}

const formatCursor = ({ createdAt, id }: Cursor): string =>
  Buffer.from(`${createdAt}.${id}`).toString('base64url');

function parseCursor(text: string): Cursor {
  const [, createdAt, id] =
    /^(\d{1,15})\.(emb_[\w-]{20})$/.exec(Buffer.from(text, 'base64url').toString('latin1')) ?? [];
  if (createdAt && id) return { createdAt: Number(createdAt), id };
  throw new AppError('BAD_REQUEST', {
    detail: `Received ${received(text)} for \`cursor\`; expected the \`next\` of a page, unchanged.`,
  });
}
