/** What receivers of webhooks are sent, for the description of the API. */
import { Type } from 'typebox';
import { EmbeddingId } from '../contracts.js';
import { RequestTags } from '../request-tags.js';
import { OUTBOX_TYPES } from '../store/job-protocol.js';
import { TEST_EVENT } from '../store/webhook-deliveries.js';
import { time } from './schemas.js';

const exampleId = 'emb_8Jx0cTq5mYb2LrVw7NfK';

const EmbeddingEnded = Type.Object({
  type: Type.Enum([...OUTBOX_TYPES], { description: 'What happened.', examples: ['embedding.succeeded'] }),
  timestamp: time('When it happened.'),
  data: Type.Object(
    {
      id: Type.String({ ...EmbeddingId, examples: [exampleId] }),
      state: Type.String({
        description: 'The second word of `type`, whatever became of the embedding since.',
        examples: ['succeeded'],
      }),
      reference: RequestTags.properties.reference,
      labels: RequestTags.properties.labels,
      links: Type.Optional(
        Type.Object({
          self: Type.String({
            description: 'Where the embedding is read.',
            examples: [`/embeddings/${exampleId}`],
          }),
        }),
      ),
    },
    { description: 'Of an embedding that is deleted meanwhile only `id` and `state`.' },
  ),
});

const WebhookTest = Type.Object({
  type: Type.Literal(TEST_EVENT),
  timestamp: time('When the test was asked for.'),
  data: Type.Object({
    webhook: Type.String({ description: 'Id of the webhook.', examples: ['wh_3Fh6pWz1sXk9DgUe4RtB'] }),
  }),
});

const header = (name: string, description: string, example: string) => ({
  name,
  in: 'header' as const,
  required: true,
  description,
  schema: { type: 'string' as const, examples: [example] },
});

const HEADERS = [
  header('webhook-id', 'The same at every attempt of an event.', 'msg_0aLd5Yc1nRq8vKx2JmTz7WbP'),
  header('webhook-timestamp', 'Seconds since 1970 of this attempt.', '1769860800'),
  header(
    'webhook-signature',
    'Signatures of Standard Webhooks, separated by spaces: one, or two while a secret is rotated.',
    'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=',
  ),
];

/** One entry for each kind of message; plain JSON Schema, as the generator copies it. */
export const WEBHOOK_MESSAGES = {
  embeddingEnded: message('receiveEmbeddingEnded', 'An embedding has come to an end', EmbeddingEnded),
  webhookTest: message('receiveWebhookTest', 'A test was asked for', WebhookTest),
};

function message(operationId: string, summary: string, schema: object) {
  return {
    post: {
      tags: ['webhooks'],
      operationId,
      summary,
      security: [],
      parameters: HEADERS,
      requestBody: { required: true, content: { 'application/json': { schema } } },
      responses: {
        '2XX': { description: 'Received.' },
        '410': { description: 'Nothing more shall be sent: the webhook is disabled.' },
        default: { description: 'It is sent again later.' },
      },
    },
  };
}
