/** The HTTP service as a function of its dependencies. It never listens. */
import { readFileSync } from 'node:fs';
import cors from '@fastify/cors';
import multipart from '@fastify/multipart';
import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Redis } from 'ioredis';
import type { Config } from '../config.js';
import type { ApiMetrics } from '../metrics/api-metrics.js';
import type { RegionsInfo } from '../models/regions/map.js';
import type { JobQueues } from '../queue.js';
import type { ApiKeys } from '../store/api-keys.js';
import type { BlobStore } from '../store/blobs.js';
import type { Changes } from '../store/changes.js';
import type { DiskRoom } from '../store/disk-room.js';
import type { Idempotency } from '../store/idempotency.js';
import type { MetricSums } from '../store/metric-sums.js';
import type { RecordList } from '../store/record-list.js';
import type { Records } from '../store/records.js';
import type { UrlSignatures } from '../store/url-signatures.js';
import type { Usage } from '../store/usage.js';
import type { WebhookDeliveries } from '../store/webhook-deliveries.js';
import type { Webhooks } from '../store/webhooks.js';
import type { Tracing } from '../tracing/tracing.js';
import { guard } from './access.js';
import { announceClosing } from './closing.js';
import { limitRates } from './limits.js';
import { refuseUnknown } from './methods.js';
import { observe, requestId } from './observe.js';
import { OpenAnswers } from './open-answers.js';
import { refuseConnection, sendProblem } from './problem.js';
import { animationRoutes } from './routes/animation.js';
import { blendRoutes } from './routes/blend.js';
import { cancelRoutes } from './routes/cancel.js';
import { createRoutes } from './routes/create.js';
import { docsRoutes } from './routes/docs.js';
import { embeddingRoutes } from './routes/embeddings.js';
import { eventRoutes } from './routes/events.js';
import { faceRoutes } from './routes/faces.js';
import { gridRoutes } from './routes/grid.js';
import { healthRoutes } from './routes/health.js';
import { latentRoutes } from './routes/latent.js';
import { listRoutes } from './routes/list.js';
import { metricsRoutes } from './routes/metrics.js';
import { morphRoutes } from './routes/morph.js';
import { queueDashboard } from './routes/queue-dashboard.js';
import { signedUrlRoutes } from './routes/signed-urls.js';
import { smoothnessRoutes } from './routes/smoothness.js';
import { webhookDeliveryRoutes } from './routes/webhook-deliveries.js';
import { webhookRoutes } from './routes/webhooks.js';
import { Embedding, EmbeddingList, Problem } from './schemas.js';
import { UploadRoom } from './upload-room.js';
import { PartialResults } from './upload-schemas.js';
import { buildValidator, withoutDefaults } from './validator.js';
import { WEBHOOK_MESSAGES } from './webhook-messages.js';
import { Delivery, Webhook } from './webhook-schemas.js';

export interface AppDeps {
  config: Pick<
    Config,
    | 'maxUploadBytes'
    | 'maxPixels'
    | 'maxPhotos'
    | 'uploadBytes'
    | 'maxFollowers'
    | 'tenantQueueLimit'
    | 'queueLimit'
    | 'keyPrefix'
    | 'auth'
    | 'ratePerMinute'
    | 'corsOrigins'
    | 'retentionSeconds'
    | 'maxRetentionSeconds'
    | 'deviceSecondsPerDay'
    | 'webhookPrivate'
    | 'queueDashboard'
  >;
  redis: Redis;
  records: Records;
  recordList: RecordList;
  changes: Changes;
  idempotency: Idempotency;
  apiKeys: ApiKeys;
  urlSignatures: UrlSignatures;
  usage: Usage;
  webhooks: Webhooks;
  webhookDeliveries: WebhookDeliveries;
  metrics: ApiMetrics;
  metricSums: MetricSums;
  tracing: Tracing;
  blobs: BlobStore;
  disk: DiskRoom;
  queues: JobQueues;
  /** How long a request waits for a worker, in milliseconds. */
  patience: {
    detectMs: number;
    renderMs: number;
    /** How long a client may take nothing of its answer; 120 s where nothing is said. */
    stallMs?: number;
  };
  /** The region map that the workers have, too. */
  regions: Pick<RegionsInfo, 'generator' | 'sha256'>;
  now: () => Date;
  newId: () => string;
  /** True once the process has been told to stop: readiness then answers 503. */
  isDraining: () => boolean;
  log?: FastifyBaseLogger;
}

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const SECURITY_SCHEMES = {
  key: {
    type: 'http' as const,
    scheme: 'bearer',
    description: 'An API key, made with `npm run keys`. A service on a loopback address may ask for none.',
  },
  signature: {
    type: 'apiKey' as const,
    in: 'query' as const,
    name: 'signature',
    description: 'Part of a URL of `POST /signed-urls`, with `expires` and `key`.',
  },
};

/** Animations that a process sends at a time. */
const MAX_ANIMATIONS = 32;

/** What pages of allowed origins may send and see. */
const CORS = {
  methods: ['GET', 'HEAD', 'POST', 'DELETE'],
  exposedHeaders: [
    'ETag',
    'Latent-Generator',
    'Location',
    'Preference-Applied',
    'RateLimit-Limit',
    'RateLimit-Remaining',
    'RateLimit-Reset',
    'Retry-After',
    'X-Request-Id',
  ],
  maxAge: 600,
};

/** Builds the app with all routes. The caller listens, injects or closes. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = Fastify({
    ...(deps.log ? { loggerInstance: deps.log } : {}),
    // Every line that matters is written by the error handler and by `observe`.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    // Slow uploads end some time: photos of 200 MB at 1 MB/s pass.
    requestTimeout: 300_000,
    // A connection on which nothing moves either way holds its answer in memory: longer than any wait for a worker.
    connectionTimeout: deps.patience.stallMs ?? 120_000,
    forceCloseConnections: 'idle',
    // An id that is too long is unknown like any other.
    routerOptions: { maxParamLength: 8_192 },
    return503OnClosing: false,
    frameworkErrors: sendProblem,
    clientErrorHandler: refuseConnection,
    schemaController: { compilersFactory: { buildValidator } },
  }).withTypeProvider<TypeBoxTypeProvider>();

  app.setErrorHandler(sendProblem);
  observe(app, deps);
  refuseUnknown(app);
  announceClosing(app);
  app.decorate('uploads', new UploadRoom(deps.config));
  app.decorate('followers', new OpenAnswers(deps.config.maxFollowers));
  app.decorate('animations', new OpenAnswers(MAX_ANIMATIONS));
  guard(app, deps);
  await limitRates(app, { redis: deps.redis, prefix: deps.config.keyPrefix });
  const { corsOrigins } = deps.config;
  if (corsOrigins.length > 0) await app.register(cors, { origin: [...corsOrigins], ...CORS });
  app.removeAllContentTypeParsers();
  // A file that is too large is refused by name when the whole form is read.
  await app.register(multipart, { throwFileSizeLimit: false });
  for (const schema of [Problem, Embedding, EmbeddingList, PartialResults, Webhook, Delivery])
    app.addSchema(schema);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'latentmorph',
        version,
        description:
          'Embeds face photos into the latent space of a generator and serves morphs between them. Every answer bears `X-Request-Id`: the one of the request, if it has 1 to 128 characters of A-Z a-z 0-9 . _ -, else a new one. It is the `instance` of a problem, too.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: { securitySchemes: SECURITY_SCHEMES },
      security: [{ key: [] }],
      webhooks: WEBHOOK_MESSAGES,
      tags: [
        { name: 'embeddings', description: 'Photos and their latents.' },
        { name: 'morph', description: 'Images between two latents.' },
        { name: 'webhooks', description: 'Being told of the ends of embeddings.' },
        { name: 'access', description: 'Keys and signed URLs.' },
        { name: 'service', description: 'Probes and this description.' },
      ],
    },
    transform: ({ schema, url }) => ({ schema: withoutDefaults(schema), url }),
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => `${json.$id ?? `schema${i}`}` },
  });
  await app.register(docsRoutes);
  await app.register(healthRoutes(deps));
  await app.register(createRoutes(deps));
  await app.register(faceRoutes(deps));
  await app.register(embeddingRoutes(deps));
  await app.register(latentRoutes(deps));
  await app.register(listRoutes(deps));
  await app.register(cancelRoutes(deps));
  await app.register(eventRoutes(deps));
  await app.register(signedUrlRoutes(deps));
  await app.register(morphRoutes(deps));
  await app.register(blendRoutes(deps));
  await app.register(gridRoutes(deps));
  await app.register(animationRoutes(deps));
  await app.register(smoothnessRoutes(deps));
  await app.register(webhookRoutes(deps));
  await app.register(webhookDeliveryRoutes(deps));
  await app.register(metricsRoutes(deps));
  if (deps.config.queueDashboard) await app.register(queueDashboard(deps));
  return app;
}
