/** `/signed-urls`: addresses of images that a browser can load without a key. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { SIGNATURE_PARAMETERS } from '../../store/url-signatures.js';
import type { AppDeps } from '../app.js';
import { readsJson } from '../json-body.js';
import { problems, time } from '../schemas.js';

const MAX_SECONDS = 7 * 86_400;
const DEFAULT_SECONDS = 3600;
const BODY_LIMIT = 16_384;

/** Addresses for which a signature stands for a key; the routes have `access: 'signed'`. */
const SIGNABLE = '^/(morph|morph/animation|morph/grid|embeddings/[A-Za-z0-9_-]{1,100}/image)([?][!-~]*)?$';

const SignedUrlBody = Type.Object(
  {
    url: Type.String({
      maxLength: 8_000,
      pattern: SIGNABLE,
      description: 'Path and query of an image of this API, as for `GET`; one that is signed is signed anew.',
      examples: ['/morph?a=emb_8Jx0cTq5mYb2LrVw7NfK&b=emb_3Fh6pWz1sXk9DgUe4RtB&lambda=0.5'],
    }),
    expiresIn: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_SECONDS,
        default: DEFAULT_SECONDS,
        description: 'Seconds for which the URL shall be valid.',
      }),
    ),
  },
  { additionalProperties: false },
);

const SignedUrl = Type.Object(
  {
    url: Type.String({
      description:
        'The path with `expires`, `key` and `signature`; put the address of the service before it.',
      examples: ['/morph?a=...&b=...&lambda=0.5&expires=1769864400&key=0a1b2c3d4e5f6071&signature=Jx0c...'],
    }),
    expiresAt: time('Until when it is valid.'),
  },
  { description: 'A URL that needs no key.' },
);

export function signedUrlRoutes({ urlSignatures, now }: AppDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    readsJson(app);
    app.route({
      method: 'POST',
      url: '/signed-urls',
      bodyLimit: BODY_LIMIT,
      schema: {
        tags: ['access'],
        operationId: 'createSignedUrl',
        summary: 'A URL for a browser, valid without a key for some time',
        description:
          'For `GET /morph`, `/morph/animation`, `/morph/grid` and `/embeddings/{id}/image`. It holds for exactly these parameters, and no longer than the key that asked for it. Nothing is rendered or looked up yet.',
        body: SignedUrlBody,
        response: {
          201: SignedUrl,
          ...problems('BAD_REQUEST', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'UNAVAILABLE'),
        },
      },
      handler: async ({ body, caller }, reply) => {
        const expires = Math.floor(now().getTime() / 1000) + (body.expiresIn ?? DEFAULT_SECONDS);
        const url = await urlSignatures.sign(signable(body.url), { expires, key: caller.key });
        reply.code(201).header('cache-control', 'no-store');
        return { url, expiresAt: new Date(expires * 1000).toISOString() };
      },
    });
  };
}

/** Path and query as the router reads them, without an earlier signature. */
function signable(text: string): string {
  const url = new URL(text, BASE);
  for (const name of SIGNATURE_PARAMETERS) url.searchParams.delete(name);
  return url.pathname + url.search;
}

const BASE = 'http://service.invalid';
