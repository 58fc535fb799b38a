/** A worker inside the process of a test: the real consumers of both queues on an engine that is plain arithmetic. */
import { Writable } from 'node:stream';
import { Redis } from 'ioredis';
import type { EngineInfo } from '../../src/engine/protocol.js';
import { createJobLog } from '../../src/log.js';
import { beginSeries, Tally } from '../../src/metrics/tally.js';
import { NO_TRACING, type Tracing } from '../../src/tracing/tracing.js';
import { embedWorker } from '../../src/worker/embed-worker.js';
import { Latents } from '../../src/worker/latents.js';
import { renderWorker } from '../../src/worker/render-worker.js';
import type { TestApp } from './app.js';
import { ArithmeticEngine } from './arithmetic-engine.js';

export interface TestWorker {
  engine: ArithmeticEngine;
  /** The consumer of the queue `embed`. */
  embedQueue: Awaited<ReturnType<typeof embedWorker>>;
  /** Lines of its log, as JSON. */
  lines: string[];
  /** Hands on what was counted, as a heartbeat does. */
  tell(): Promise<void>;
  close(): Promise<void>;
}

export async function startWorker(
  { deps }: TestApp,
  redisUrl: string,
  tracing: Tracing = NO_TRACING,
): Promise<TestWorker> {
  const { records, usage, blobs, metricSums } = deps;
  const engine = new ArithmeticEngine();
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const log = createJobLog('worker', 'debug', destination);
  const tally = new Tally();
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const connection = { connection: redis, prefix: deps.config.keyPrefix };
  const info: EngineInfo = { device: 'cpu', generator: { name: 'generator', hash: 'g1' }, warmUpMs: 1 };
  const nothing = (): void => undefined;
  const state = { stopping: false };
  const embedQueue = await embedWorker(
    {
      ...{ records, usage, blobs, engine, info, log, state, tracing, tally },
      ...{ batch: 1, onBatch: nothing, onSeconds: nothing, outagePauseMs: 50 },
    },
    connection,
  );
  const queues = [
    embedQueue,
    renderWorker({ blobs, engine, latents: new Latents(blobs), log, tracing, tally }, connection),
  ];
  for (const queue of queues) void queue.run();
  beginSeries(tally);
  return {
    engine,
    embedQueue,
    lines,
    tell: () => tally.handOn((samples) => metricSums.add(samples)),
    close: async () => {
      await Promise.all(queues.map((queue) => queue.close()));
      redis.disconnect();
    },
  };
}
