/** The only reader of the environment: every variable is parsed once, at start, into a frozen `Config`. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { httpUrl, integer, isLoopback, listOf, oneOf, origins, redisUrl, s3Url } from './setting-values.js';

export const DEVICES = ['auto', 'cpu', 'cuda'] as const;
export type Device = (typeof DEVICES)[number];
/** Roles that have an engine each. */
export const ENGINE_ROLES = ['embed', 'render'] as const;
export type EngineRole = (typeof ENGINE_ROLES)[number];
/** `upkeep`: webhooks, retention, the limits of the render cache; it needs no engine. */
export const ROLES = [...ENGINE_ROLES, 'upkeep'] as const;
export type Role = (typeof ROLES)[number];
/** Numbers of photos that one engine call may project: each has step graphs of its own. */
export const BATCH_SIZES = [1, 2, 4, 8] as const;
export type BatchSize = (typeof BATCH_SIZES)[number];
export type BatchSetting = BatchSize | 'auto';
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type Auth = 'open' | 'keys';
export const REDIS_FSYNC = ['everysec', 'always'] as const;
export type RedisFsync = (typeof REDIS_FSYNC)[number];
export type WebhookPrivate = 'refuse' | 'allow';

/** Where images and latents live: as files below the data directory, or as objects of a bucket. */
export type BlobPlace = { readonly kind: 'files' } | S3Place;
export interface S3Place {
  readonly kind: 's3';
  readonly bucket: string;
  /** Before every key: empty, or with a closing slash. */
  readonly prefix: string;
  /** Of a server that is not Amazon's. */
  readonly endpoint: string | undefined;
  readonly region: string;
}

export interface Config {
  readonly host: string;
  readonly port: number;
  /** Undefined: `npm start` brings its own Redis; the API and the worker alone need one. */
  readonly redisUrl: string | undefined;
  /** When the embedded Redis makes what it was told last on its disk. */
  readonly redisFsync: RedisFsync;
  /** Absolute directory of the blobs and of the embedded Redis. */
  readonly dataDir: string;
  readonly blobs: BlobPlace;
  /** Absolute directory of the converted models. */
  readonly modelsDir: string;
  readonly device: Device;
  /** CPU threads of one inference session. */
  readonly threads: number;
  /** Most photos that a worker projects at a time; `auto`: what is fastest on its device. */
  readonly batch: BatchSetting;
  /** Most bytes of renders that are kept. */
  readonly renderCacheBytes: number;
  /** What a worker process does. */
  readonly roles: readonly Role[];
  readonly logLevel: LogLevel;
  /** Whether requests need a key. `open` is possible on a loopback address only. */
  readonly auth: Auth;
  /** Requests a minute of a key that has no rate of its own; 0: no limit. */
  readonly ratePerMinute: number;
  /** Device seconds that the embeddings of a tenant may take in a day (UTC); 0: no limit. */
  readonly deviceSecondsPerDay: number;
  /** Origins whose pages may call the API. */
  readonly corsOrigins: readonly string[];
  /** Seconds that an embedding is kept which says nothing else; 0: for ever. */
  readonly retentionSeconds: number;
  /** Whether webhooks may go to private addresses and over plain HTTP. */
  readonly webhookPrivate: WebhookPrivate;
  /** Most seconds that an embedding may ask to be kept; 0: for ever, too. */
  readonly maxRetentionSeconds: number;
  /** Where spans go, the base URL of OTLP over HTTP; undefined: no spans are made. */
  readonly otlpEndpoint: string | undefined;
  /** Whether `/admin/queues` shows the queues to a browser. */
  readonly queueDashboard: boolean;
  readonly maxUploadBytes: number;
  /** Largest photo accepted, width times height. */
  readonly maxPixels: number;
  readonly maxPhotos: number;
  /** Most bytes of uploads that an API process takes in at a time. */
  readonly uploadBytes: number;
  /** Most answers of an API process that stay open until something happens to an embedding. */
  readonly maxFollowers: number;
  /** Free bytes of the disk below which nothing new is stored; 0: it is not looked at. */
  readonly diskFreeBytes: number;
  /** Most embeddings of a tenant, and of all, that are not finished; 0: no limit. */
  readonly tenantQueueLimit: number;
  readonly queueLimit: number;
  /** Prefix of every Redis key. */
  readonly keyPrefix: string;
}

const PACKAGE_ROOT = fileURLToPath(new URL('..', import.meta.url));

export type Env = Readonly<Record<string, string | undefined>>;

/** Reads one variable; `parse` returns undefined for a value it cannot read. */
type Reader = <T>(name: string, fallback: T, expected: string, parse: (text: string) => T | undefined) => T;

/**
 * Parses the environment. Throws one error that names every variable with a wrong value and what it must be.
 * `defaults` stand for variables that are not set.
 */
export function loadConfig(env: Env = process.env, defaults: Env = {}): Config {
  const problems: string[] = [];
  const read: Reader = (name, fallback, expected, parse) => {
    const text = env[name]?.trim() || defaults[name];
    if (!text) return fallback;
    const value = parse(text);
    if (value === undefined) problems.push(`${name}: expected ${expected}${shown(name, text)}`);
    return value ?? fallback;
  };
  const path = (name: string, fallback: string): string =>
    resolve(PACKAGE_ROOT, read(name, fallback, 'a directory', String));

  const config: Config = {
    host: read('HOST', '127.0.0.1', 'a host name or address', (text) => (/\s/.test(text) ? undefined : text)),
    port: read('PORT', 3000, 'an integer from 0 to 65535', integer(0, 65_535)),
    redisUrl: read<string | undefined>('REDIS_URL', undefined, 'a redis:// or rediss:// URL', redisUrl),
    redisFsync: read<RedisFsync>(
      'LATENTMORPH_REDIS_FSYNC',
      'everysec',
      `one of ${REDIS_FSYNC.join(', ')}`,
      oneOf(REDIS_FSYNC),
    ),
    dataDir: path('LATENTMORPH_DATA', 'data'),
    blobs: blobPlace(read, problems),
    modelsDir: path('LATENTMORPH_MODELS', '.cache/models'),
    device: read<Device>('LATENTMORPH_DEVICE', 'auto', `one of ${DEVICES.join(', ')}`, oneOf(DEVICES)),
    threads: read('LATENTMORPH_THREADS', availableParallelism(), 'an integer from 1 to 256', integer(1, 256)),
    batch: read<BatchSetting>(
      'LATENTMORPH_BATCH',
      'auto',
      `one of auto, ${BATCH_SIZES.join(', ')}`,
      (text) => (text === 'auto' ? text : BATCH_SIZES.find((size) => String(size) === text)),
    ),
    renderCacheBytes:
      2 ** 20 * read('LATENTMORPH_RENDER_MIB', 2048, 'an integer from 1 to 1048576', integer(1, 2 ** 20)),
    roles: read<readonly Role[]>(
      'LATENTMORPH_ROLES',
      ROLES,
      `a comma-separated list of ${ROLES.join(', ')}`,
      listOf(ROLES),
    ),
    auth: read<Auth>(
      'LATENTMORPH_AUTH',
      isLoopback(env.HOST?.trim() || '127.0.0.1') ? 'open' : 'keys',
      'open or keys',
      oneOf(['open', 'keys']),
    ),
    ratePerMinute: read('LATENTMORPH_RATE_PER_MINUTE', 1200, 'an integer from 0 to 1000000', integer(0, 1e6)),
    deviceSecondsPerDay: read(
      'LATENTMORPH_DEVICE_SECONDS_PER_DAY',
      0,
      'an integer from 0 to 1000000000',
      integer(0, 1e9),
    ),
    corsOrigins: read<readonly string[]>(
      'LATENTMORPH_CORS_ORIGINS',
      [],
      'a comma-separated list of origins such as https://app.example.com',
      origins,
    ),
    retentionSeconds:
      86_400 * read('LATENTMORPH_RETENTION_DAYS', 0, 'an integer from 0 to 3650', integer(0, 3650)),
    webhookPrivate: read<WebhookPrivate>(
      'LATENTMORPH_WEBHOOK_PRIVATE',
      'refuse',
      'refuse or allow',
      oneOf(['refuse', 'allow']),
    ),
    maxRetentionSeconds:
      86_400 * read('LATENTMORPH_RETENTION_MAX_DAYS', 0, 'an integer from 0 to 3650', integer(0, 3650)),
    queueDashboard: read('LATENTMORPH_QUEUE_DASHBOARD', 'off', 'on or off', oneOf(['on', 'off'])) === 'on',
    otlpEndpoint: read<string | undefined>(
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      undefined,
      'an http:// or https:// URL',
      httpUrl,
    ),
    logLevel: read<LogLevel>('LOG_LEVEL', 'info', `one of ${LOG_LEVELS.join(', ')}`, oneOf(LOG_LEVELS)),
    maxUploadBytes: 25 * 1024 * 1024,
    maxPixels: 64e6,
    maxPhotos: 8,
    uploadBytes:
      2 ** 20 * read('LATENTMORPH_UPLOADS_MIB', 1024, 'an integer from 1 to 1048576', integer(1, 2 ** 20)),
    maxFollowers: read('LATENTMORPH_FOLLOWERS', 1_000, 'an integer from 1 to 1000000', integer(1, 1e6)),
    diskFreeBytes:
      2 ** 20 * read('LATENTMORPH_DISK_FREE_MIB', 512, 'an integer from 0 to 1048576', integer(0, 2 ** 20)),
    tenantQueueLimit: read(
      'LATENTMORPH_TENANT_QUEUE_LIMIT',
      1_000,
      'an integer from 0 to 1000000',
      integer(0, 1e6),
    ),
    queueLimit: read('LATENTMORPH_QUEUE_LIMIT', 10_000, 'an integer from 0 to 1000000', integer(0, 1e6)),
    keyPrefix: 'latentmorph',
  };
  if (config.auth === 'open' && !isLoopback(config.host))
    problems.push(
      `LATENTMORPH_AUTH: expected keys, since HOST ${config.host} can be reached from other machines, but received 'open'`,
    );
  const { retentionSeconds, maxRetentionSeconds } = config;
  if (maxRetentionSeconds > 0 && (retentionSeconds === 0 || retentionSeconds > maxRetentionSeconds))
    problems.push(
      `LATENTMORPH_RETENTION_DAYS: expected 1 to ${maxRetentionSeconds / 86_400}, the days of LATENTMORPH_RETENTION_MAX_DAYS, but received '${retentionSeconds / 86_400}'`,
    );
  if (problems.length > 0) throw new Error(`The configuration is not valid.\n${problems.join('\n')}`);
  return Object.freeze(config);
}

/** The environment of a child process that shall have `config`: the variables of this process, the parsed ones written out. */
export function childEnvironment(config: Config, env: Env = process.env): Record<string, string | undefined> {
  return {
    ...env,
    HOST: config.host,
    PORT: String(config.port),
    REDIS_URL: config.redisUrl,
    LATENTMORPH_DATA: config.dataDir,
    ...blobVariables(config.blobs),
    LATENTMORPH_MODELS: config.modelsDir,
    LATENTMORPH_DEVICE: config.device,
    LATENTMORPH_THREADS: String(config.threads),
    LATENTMORPH_BATCH: String(config.batch),
    LATENTMORPH_ROLES: config.roles.join(','),
    LOG_LEVEL: config.logLevel,
  };
}

/** A URL may hold a password, and start-up errors end in logs. */
const SECRET = ['REDIS_URL', 'OTEL_EXPORTER_OTLP_ENDPOINT'];
const shown = (name: string, text: string): string =>
  SECRET.includes(name) ? '' : ` but received '${text}'`;

function blobPlace(read: Reader, problems: string[]): BlobPlace {
  const place = read<Pick<S3Place, 'bucket' | 'prefix'> | undefined>(
    'LATENTMORPH_BLOBS',
    undefined,
    's3://BUCKET or s3://BUCKET/PREFIX of letters, digits and . _ -',
    s3Url,
  );
  const endpoint = read<string | undefined>(
    'LATENTMORPH_S3_ENDPOINT',
    undefined,
    'an http:// or https:// URL without a path',
    (text) => (/^https?:/.test(text) ? origins(text.replace(/\/$/, ''))?.[0] : undefined),
  );
  const anywhere = endpoint === undefined ? '' : 'us-east-1';
  const region = read('AWS_REGION', anywhere, 'a region such as eu-central-1', (text) =>
    /^[a-z\d-]+$/.test(text) ? text : undefined,
  );
  if (!place) return { kind: 'files' };
  if (!region) problems.push('AWS_REGION: expected the region of the bucket that LATENTMORPH_BLOBS names');
  return { kind: 's3', ...place, endpoint, region };
}

const blobVariables = (blobs: BlobPlace): Record<string, string | undefined> =>
  blobs.kind === 'files'
    ? { LATENTMORPH_BLOBS: undefined }
    : {
        LATENTMORPH_BLOBS: `s3://${blobs.bucket}/${blobs.prefix}`,
        LATENTMORPH_S3_ENDPOINT: blobs.endpoint,
        AWS_REGION: blobs.region,
      };

/** The environment for a child process: that of this one, with defaults for what it does not set. */
export const environment = (defaults: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({
  ...defaults,
  ...process.env,
});

/** The service that the command line talks to, and the key for it. */
export const remoteService = (env: Env = process.env): { url: string; key: string | undefined } => ({
  url: env.LATENTMORPH_URL?.trim() || 'http://127.0.0.1:3000',
  key: env.LATENTMORPH_KEY?.trim() || undefined,
});
