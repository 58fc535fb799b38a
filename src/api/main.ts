/** API process: wires the dependencies, listens, and stops without dropping an answer. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Config, loadConfig } from '../config.js';
import { createLog } from '../log.js';
import { ApiMetrics } from '../metrics/api-metrics.js';
import { readRegionsInfo } from '../models/regions/map.js';
import { Queues } from '../queue.js';
import { ApiKeys } from '../store/api-keys.js';
import { RENDERS } from '../store/blob-keys.js';
import { Changes } from '../store/changes.js';
import { DiskRoom } from '../store/disk-room.js';
import { Idempotency } from '../store/idempotency.js';
import { MetricSums } from '../store/metric-sums.js';
import { openBlobs } from '../store/open-blobs.js';
import { RecentBlobs } from '../store/recent-blobs.js';
import { RecordList } from '../store/record-list.js';
import { Records } from '../store/records.js';
import { connectRedis, IN_REQUESTS } from '../store/redis.js';
import { UrlSignatures } from '../store/url-signatures.js';
import { Usage } from '../store/usage.js';
import { WebhookDeliveries } from '../store/webhook-deliveries.js';
import { Webhooks } from '../store/webhooks.js';
import { startTracing } from '../tracing/tracing.js';
import { buildApp } from './app.js';

/** Requests in flight may take this long to finish after the process was told to stop. */
const DRAIN_MS = 4_000;
/** For so long, of that time, it takes requests and says that it is not ready: who sends them hears of it before they are refused. */
const LEAVE_MS = 500;

async function main(config: Config, log: Logger): Promise<void> {
  if (!config.redisUrl) {
    throw new Error('REDIS_URL is not set. The API alone needs a Redis; `npm start` brings its own.');
  }
  const onError = (error: Error): void => log.warn({ err: error }, 'redis');
  const redis = connectRedis(config.redisUrl, onError, IN_REQUESTS);
  const records = new Records(redis, config.keyPrefix);
  const changes = new Changes(redis, config.keyPrefix, onError);
  const tracing = await startTracing(config, 'latentmorph-api', (error) =>
    log.warn({ err: error }, 'spans are lost'),
  );
  const queues = new Queues(config.redisUrl, config.keyPrefix, onError, tracing);
  const metricSums = new MetricSums(redis, config.keyPrefix);
  const blobs = await openBlobs(config, (key) => {
    log.error({ blob: key }, 'damaged blob');
    metricSums.add([{ name: 'latentmorph_blobs_damaged_total', labels: {}, value: 1 }]).catch(onError);
  });
  let draining = false;
  const app = await buildApp({
    config,
    redis,
    queues,
    records,
    recordList: new RecordList(redis, config.keyPrefix, records),
    idempotency: new Idempotency(redis, config.keyPrefix),
    changes,
    apiKeys: new ApiKeys(redis, config.keyPrefix),
    urlSignatures: new UrlSignatures(redis, config.keyPrefix),
    usage: new Usage(redis, config.keyPrefix),
    webhooks: new Webhooks(redis, config.keyPrefix),
    webhookDeliveries: new WebhookDeliveries(redis, config.keyPrefix),
    metrics: new ApiMetrics().aboutProcess(),
    metricSums,
    tracing,
    blobs: new RecentBlobs(blobs, { prefix: RENDERS }),
    disk: new DiskRoom(config),
    patience: { detectMs: 10_000, renderMs: 30_000 },
    regions: readRegionsInfo(),
    now: () => new Date(),
    newId: () => `emb_${randomBytes(15).toString('base64url')}`,
    isDraining: () => draining,
    log,
  });

  const stop = async (signal: string): Promise<void> => {
    if (draining) return;
    draining = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), DRAIN_MS).unref();
    await sleep(LEAVE_MS);
    await app.close();
    await Promise.all([queues.close(), tracing.close()]);
    changes.close();
    redis.disconnect();
    log.info('stopped');
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));

  await app.listen({ host: config.host, port: config.port });
}

const config = loadConfig();
const log = createLog('api', config.logLevel);
main(config, log).catch((error) => {
  log.fatal({ err: error }, error instanceof Error ? error.message : 'start failed');
  process.exit(1);
});
