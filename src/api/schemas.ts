/** Shapes of requests and answers: validator, static type and documentation in one. */
import { type Static, Type } from 'typebox';
import { Box, EmbeddingOptions, EmbeddingState, LastGood, Quality, Recovery } from '../contracts.js';
import { ERRORS, type ErrorCode } from '../errors.js';
import { RequestTags } from '../request-tags.js';
import { WorkerInfo } from '../store/workers.js';
import { embeddingExample, exampleId } from './examples.js';

export const id = (description: string) =>
  Type.String({ maxLength: 100, description, examples: [exampleId] });
export const time = (description: string) =>
  Type.String({ description, examples: ['2026-01-31T12:00:00.000Z'] });
const link = (description: string, path: string) =>
  Type.Optional(Type.String({ description, examples: [`/embeddings/${exampleId}${path}`] }));

export const Problem = Type.Object(
  {
    type: Type.String({
      description: 'URN of the kind of problem.',
      examples: ['urn:latentmorph:problem:FACE_NOT_FOUND'],
    }),
    title: Type.String({
      description: 'The kind of problem in one sentence.',
      examples: [ERRORS.FACE_NOT_FOUND.title],
    }),
    status: Type.Integer({ description: 'HTTP status.', examples: [422] }),
    detail: Type.Optional(
      Type.String({
        description: 'What was received, what is expected, what to do.',
        examples: ['Photo 2 of 3: ...'],
      }),
    ),
    code: Type.Enum(Object.keys(ERRORS) as ErrorCode[], { description: 'Stable code to switch on.' }),
    instance: Type.String({ description: 'Id of the request, also in the log.', examples: ['req-4f1c'] }),
  },
  {
    $id: 'Problem',
    additionalProperties: true,
    description: 'RFC 9457 problem document; some codes add members.',
  },
);
export type Problem = Static<typeof Problem>;

/** `Quad` in the plain form that every OpenAPI reader knows. */
const Corners = Type.Array(Type.Array(Type.Number(), { minItems: 2, maxItems: 2 }), {
  minItems: 4,
  maxItems: 4,
  description:
    'Corners (x, y) of the aligned square in pixels of the upright photo: top left, bottom left, bottom right, top right.',
});

const ReportedFace = Type.Object({
  box: Box,
  score: Type.Number({ description: 'Confidence of the detector, 0 to 1.', examples: [0.98] }),
  selected: Type.Boolean({ description: 'True for the face that is embedded.' }),
});

const EmbeddingProgress = Type.Object({
  step: Type.Integer({ description: 'Adam steps taken.', examples: [40] }),
  steps: Type.Integer({ description: 'Adam steps in all.', examples: [200] }),
  fraction: Type.Number({ description: '0 to 1.', examples: [0.2] }),
  loss: Type.Number({ description: 'Loss at `step`.', examples: [4213.7] }),
  secondsLeft: Type.Number({ description: 'Estimate.', examples: [96] }),
});

const Waiting = Type.Object(
  {
    position: Type.Integer({ description: 'Jobs before this one.', examples: [3] }),
    seconds: Type.Optional(
      Type.Number({
        description: 'Estimated time until it is finished; left out where no worker has finished a job yet.',
        examples: [480],
      }),
    ),
  },
  { description: 'Where it stands in the queue; only while it waits.' },
);
export type Waiting = Static<typeof Waiting>;

const EmbeddingError = Type.Object({
  status: Type.Integer({ description: 'HTTP status that this problem has elsewhere.', examples: [422] }),
  code: Type.String({ description: 'Stable code.', examples: ['FACE_NOT_FOUND'] }),
  title: Type.String({ description: 'The kind of problem.', examples: [ERRORS.FACE_NOT_FOUND.title] }),
  detail: Type.String({ description: 'What happened.', examples: ['No face was found in the photo.'] }),
});

const Links = Type.Object(
  {
    self: Type.String({ description: 'This embedding.', examples: [`/embeddings/${exampleId}`] }),
    original: link('The photo, upright, without metadata.', '/image?kind=original'),
    aligned: link('The face as the generator expects it, 1024 px.', '/image?kind=aligned'),
    preview: link('The latest image of the projection, 256 px.', '/image?kind=preview'),
    reconstruction: link("The generator's image of the final latent, 1024 px.", '/image?kind=reconstruction'),
  },
  { description: 'Only what exists is linked.' },
);

export const Embedding = Type.Object(
  {
    id: id('Id of the embedding.'),
    state: EmbeddingState,
    createdAt: time('When it was posted.'),
    startedAt: Type.Optional(time('When the latest attempt began.')),
    finishedAt: Type.Optional(time('When it succeeded, failed or was cancelled.')),
    expiresAt: Type.Union([time('When everything of it is deleted.'), Type.Null()], {
      description: 'When everything of it is deleted; null: not before somebody asks for it.',
    }),
    ...RequestTags.properties,
    imported: Type.Optional(
      Type.Boolean({
        description: 'True: its latent was sent. There is no photo, and `options` mean nothing.',
      }),
    ),
    options: EmbeddingOptions,
    width: Type.Optional(Type.Integer({ description: 'Width of the upright photo.', examples: [3024] })),
    height: Type.Optional(Type.Integer({ description: 'Height of the upright photo.', examples: [4032] })),
    faces: Type.Optional(Type.Array(ReportedFace, { description: 'Every face found, largest first.' })),
    quad: Type.Optional(Corners),
    waiting: Type.Optional(Waiting),
    progress: Type.Optional(EmbeddingProgress),
    losses: Type.Optional(Type.Array(Type.Number(), { description: 'Loss before each step taken.' })),
    stoppedAt: Type.Optional(
      Type.Integer({
        description: 'Steps taken, where `earlyStop` left out the rest.',
        examples: [180],
      }),
    ),
    lastGood: Type.Optional(LastGood),
    recoveries: Type.Optional(
      Type.Array(Recovery, {
        description: 'What was done where the projection went wrong; at most 3 times.',
      }),
    ),
    quality: Type.Optional(Quality),
    generator: Type.Optional(
      Type.Object({
        name: Type.String({
          description: 'Generator whose W+ the latent lives in.',
          examples: ['mobile-stylegan-ffhq'],
        }),
        hash: Type.String({ description: 'sha256 of its weights.' }),
      }),
    ),
    device: Type.Optional(Type.String({ description: 'Device that computed it.', examples: ['cpu'] })),
    seconds: Type.Optional(Type.Number({ description: 'Duration of the projection.', examples: [131.2] })),
    error: Type.Optional(EmbeddingError),
    links: Links,
  },
  {
    $id: 'Embedding',
    description: 'A photo on its way into W+, or arrived there.',
    examples: [embeddingExample],
  },
);
export type Embedding = Static<typeof Embedding>;

export const EmbeddingList = Type.Object(
  {
    embeddings: Type.Array(Type.Ref('Embedding'), {
      description: 'In the order of the photos, and of the faces of each.',
    }),
  },
  { $id: 'EmbeddingList', description: 'Answer to several photos, or all faces, in one request.' },
);

const prefer = Type.Optional(
  Type.String({
    description:
      '`wait=N` (RFC 7240): the answer may take up to N seconds, at most 60, and comes as soon as all is finished.',
    examples: ['wait=30'],
  }),
);
export const PreferHeader = Type.Object({ prefer });
export const UploadHeaders = Type.Object({
  prefer,
  'idempotency-key': Type.Optional(
    Type.String({
      description:
        'Any text of 1 to 255 printable characters that is new for each request. A repetition of the request with the same key, within 24 hours, gets the embeddings that the first one made.',
      examples: ['3f1c9a52-7d0e-4b1c-9a55-0a2f6a0f3a51'],
    }),
  ),
});

/** Whatever cannot be an id is unknown like any other. */
export const EmbeddingParams = Type.Object({
  id: Type.String({ description: 'Id of the embedding.', examples: [exampleId] }),
});

export const IMAGE_KINDS = ['original', 'aligned', 'reconstruction', 'preview'] as const;
export type ImageKind = (typeof IMAGE_KINDS)[number];
export const Health = Type.Object(
  { status: Type.Literal('ok', { description: 'The process answers.' }) },
  { description: 'Alive.' },
);

const readiness = {
  ready: Type.Boolean({ description: 'True when requests of every kind can be served.' }),
  redis: Type.Boolean({ description: 'Redis answers.' }),
  storage: Type.Enum(['ok', 'low'], {
    description:
      '`low`: the disk is nearly full, and nothing new is stored; what is stored is served, so that `ready` may be true.',
  }),
  missing: Type.Array(Type.String(), {
    description: 'Roles that no live worker serves.',
    examples: [['render']],
  }),
  workers: Type.Array(WorkerInfo, { description: 'Live workers.' }),
};
export const Ready = Type.Object(readiness, { description: 'Ready.' });
export const NotReady = Type.Object(readiness, {
  description: 'Not ready: starting, stopping, or a part is away.',
});

/** What every route that asks for a key may answer. */
const ACCESS_PROBLEMS = ['UNAUTHORIZED', 'FORBIDDEN', 'RATE_LIMITED'] as const;

/** Error answers of a route that asks for a key, by status, for its `response` schema. */
export function problems(...own: ErrorCode[]) {
  const codes = [...ACCESS_PROBLEMS, ...own];
  const statuses = [...new Set(codes.map((code) => ERRORS[code].status))];
  return Object.fromEntries(
    statuses.map((status) => {
      const named = codes.filter((code) => ERRORS[code].status === status);
      const description = named.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join(' ');
      return [
        status,
        { description, content: { 'application/problem+json': { schema: Type.Ref('Problem') } } },
      ];
    }),
  );
}

const binary = Type.String({ format: 'binary' });

/** An image answer in any of the given media types. */
export const imageAnswer = (description: string, types: readonly string[]) => ({
  description,
  content: Object.fromEntries(types.map((type) => [type, { schema: binary }])),
});
