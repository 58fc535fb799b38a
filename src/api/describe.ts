/** The OpenAPI description of the app, without a server, a Redis or a worker. */
import { tmpdir } from 'node:os';
import { Redis } from 'ioredis';
import { loadConfig } from '../config.js';
import { ApiMetrics } from '../metrics/api-metrics.js';
import { ApiKeys } from '../store/api-keys.js';
import { FileBlobStore } from '../store/blobs.js';
import { Changes } from '../store/changes.js';
import { DiskRoom } from '../store/disk-room.js';
import { Idempotency } from '../store/idempotency.js';
import { MetricSums } from '../store/metric-sums.js';
import { RecordList } from '../store/record-list.js';
import { Records } from '../store/records.js';
import { UrlSignatures } from '../store/url-signatures.js';
import { Usage } from '../store/usage.js';
import { WebhookDeliveries } from '../store/webhook-deliveries.js';
import { Webhooks } from '../store/webhooks.js';
import { NO_TRACING } from '../tracing/tracing.js';
import { buildApp } from './app.js';

const HEADER = '# Generated from the route schemas by `npm run openapi`; edit those and run it again.\n';

/** The text of `openapi.yaml`. */
export async function describeApi(): Promise<string> {
  // Describing sends no request, so nothing here is ever called or connected.
  const unused = () => Promise.reject(new Error('Only the description of the app was asked for'));
  const redis = new Redis({ lazyConnect: true });
  const config = loadConfig({});
  const records = new Records(redis, config.keyPrefix);
  const app = await buildApp({
    config,
    redis,
    records,
    recordList: new RecordList(redis, config.keyPrefix, records),
    idempotency: new Idempotency(redis, config.keyPrefix),
    changes: new Changes(redis, config.keyPrefix),
    apiKeys: new ApiKeys(redis, config.keyPrefix),
    urlSignatures: new UrlSignatures(redis, config.keyPrefix),
    usage: new Usage(redis, config.keyPrefix),
    webhooks: new Webhooks(redis, config.keyPrefix),
    webhookDeliveries: new WebhookDeliveries(redis, config.keyPrefix),
    metrics: new ApiMetrics(),
    metricSums: new MetricSums(redis, config.keyPrefix),
    tracing: NO_TRACING,
    blobs: new FileBlobStore(tmpdir()),
    disk: new DiskRoom(config),
    queues: {
      enqueueEmbed: unused,
      position: unused,
      cancelEmbed: unused,
      dropRenders: unused,
      render: unused,
      depths: unused,
      all: () => [],
    },
    patience: { detectMs: 0, renderMs: 0 },
    regions: { generator: '', sha256: '' },
    now: () => new Date(0),
    newId: () => '',
    isDraining: () => false,
  });
  await app.ready();
  const text = app.swagger({ yaml: true });
  await app.close();
  redis.disconnect();
  return HEADER + text;
}
