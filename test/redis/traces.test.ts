/** One trace from the request through the queue to the steps of the worker, as a collector receives it. */
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Tracing } from '../../src/tracing/tracing.js';
import { startTracing } from '../../src/tracing/tracing.js';
import { startApp, storePair, type TestApp } from '../support/app.js';
import { type CollectedSpan, type Collector, startCollector } from '../support/collector.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { startWorker, type TestWorker } from '../support/worker.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = '00f067aa0ba902b7';
const SECRET = 'anna-mueller';
const [SERVER, PRODUCER, CONSUMER] = [2, 4, 5];

let server: TestRedis;
let collector: Collector;
let service: TestApp;
let worker: TestWorker;
let tracing: { api: Tracing; worker: Tracing };

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  collector = await startCollector();
  const config = { otlpEndpoint: collector.url };
  tracing = { api: await startTracing(config, 'api'), worker: await startTracing(config, 'worker') };
  service = await startApp(server.url, { tracing: tracing.api });
  worker = await startWorker(service, server.url, tracing.worker);
});
afterEach(async () => {
  await collector.stop();
});

async function post(headers: Record<string, string> = {}): Promise<string> {
  const form = new FormData();
  form.set('image', new Blob([new Uint8Array(await readFile(SMALL_PHOTO))]), `${SECRET}.jpg`);
  form.set('steps', '25');
  form.set('reference', SECRET);
  const answer = await service.post(form, headers);
  expect(answer.statusCode, answer.body).toBe(202);
  return answer.json().id;
}

const finished = (id: string) =>
  expect
    .poll(async () => (await service.app.inject(`/embeddings/${id}`)).json().state)
    .toMatch(/succeeded|failed/);

/** Ends API and worker, which hand on their last spans, and finds those of the trace. */
async function collected(traceId = TRACE): Promise<CollectedSpan[]> {
  await worker.close();
  await service.close();
  await Promise.all([tracing.api.close(), tracing.worker.close()]);
  return collector.spans.filter((span) => span.traceId === traceId);
}

const childrenOf = (spans: readonly CollectedSpan[], parent: CollectedSpan | undefined) =>
  spans.filter(({ parentSpanId }) => parent && parentSpanId === parent.spanId);

describe('a trace', () => {
  test('leads from the caller through API and queue to every step of the worker', async () => {
    const id = await post({ traceparent: `00-${TRACE}-${CALLER}-01` });
    await finished(id);
    const spans = await collected();

    const [request] = spans.filter(({ parentSpanId }) => parentSpanId === CALLER);
    expect(request).toMatchObject({
      ...{ service: 'api', name: 'POST /embeddings', kind: SERVER },
      attributes: { 'http.route': '/embeddings', 'http.response.status_code': 202 },
    });
    const sent = childrenOf(spans, request);
    expect(sent.map(({ service, name, kind }) => [service, name, kind])).toEqual([
      ['api', 'send render', PRODUCER],
      ['api', 'send embed', PRODUCER],
    ]);
    const [job] = childrenOf(spans, sent[1]);
    expect(job).toMatchObject({
      ...{ service: 'worker', name: 'process embed', kind: CONSUMER, failed: false },
      attributes: { 'messaging.message.id': id, 'latentmorph.attempt': 1 },
    });
    const done = childrenOf(spans, job);
    const count = (name: string) => done.filter((span) => span.name === name).length;
    expect(
      Object.fromEntries(['align', 'start', 'steps', 'store', 'finish'].map((n) => [n, count(n)])),
    ).toEqual({
      ...{ align: 1, start: 1, finish: 1 },
      steps: worker.engine.batches.length,
      // Aligned, reconstruction, latent, and a preview for every chunk.
      store: 3 + worker.engine.batches.length,
    });
    const steps = done.filter(({ name }) => name === 'steps');
    expect(steps[0]!.attributes).toEqual({ 'latentmorph.step': 0, 'latentmorph.steps': 1 });
    const [look] = childrenOf(spans, sent[0]);
    expect(childrenOf(spans, look).map(({ name }) => name)).toEqual(['detect']);
  });

  test('tells nothing about a person', async () => {
    const id = await post({ traceparent: `00-${TRACE}-${CALLER}-01`, 'user-agent': SECRET });
    await service.app.inject(`/embeddings?reference=${SECRET}`);
    await service.app.inject(`/embeddings/${SECRET}`);
    await service.app.inject(`/${SECRET}?q=${SECRET}`);
    await finished(id);
    expect((await collected()).length).toBeGreaterThan(5);
    const text = collector.bodies.join('\n');
    for (const secret of [SECRET, '127.0.0.1', 'landmarks']) expect(text).not.toContain(secret);
  });

  test('shows what failed by its code', async () => {
    worker.engine.broken = { photo: 0, step: 3 };
    const id = await post({ traceparent: `00-${TRACE}-${CALLER}-01` });
    await finished(id);
    const failed = (await collected()).filter((span) => span.failed);
    expect(failed.map(({ name, attributes }) => [name, attributes['error.type']])).toEqual([
      ['process embed', 'LATENT_DIVERGED'],
    ]);
  });

  test('begins here where the caller has none or one that cannot be read, and is not kept where it shall not be', async () => {
    for (const traceparent of ['anna', `00-${'0'.repeat(32)}-${CALLER}-01`, `00-${TRACE}-${CALLER}-00`])
      await service.app.inject({ url: '/healthz', headers: { traceparent } });
    expect(await collected()).toEqual([]);
    const probes = collector.spans.filter(({ name }) => name === 'GET /healthz');
    expect(probes.map(({ parentSpanId }) => parentSpanId)).toEqual([undefined, undefined]);
  });

  test('leaves keys and sharing of renders as they are', async () => {
    const [a, b] = await storePair(service);
    const url = `/morph?a=${a}&b=${b}&lambda=0.5`;
    const traceparent = `00-${TRACE}-${CALLER}-01`;
    await worker.close();
    const jobs: object[] = [];
    service.serveRenders(async (job, { blobs }) => {
      jobs.push(job);
      if ('key' in job) await blobs.put(`renders/${job.key}`, Buffer.from([0xff, 0xd8, 0xff, 0]));
    });
    const answers = await Promise.all([
      service.app.inject({ url, headers: { traceparent, 'x-request-id': 'one' } }),
      service.app.inject({ url, headers: { 'x-request-id': 'two' } }),
    ]);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    expect(jobs).toHaveLength(1);
    expect(answers[0]!.headers.etag).toBe(answers[1]!.headers.etag);
    await collected();
  });
});

test('a collector that is away is told of once, and holds up nothing', async () => {
  await collected();
  const told: Error[] = [];
  const away = await startTracing({ otlpEndpoint: 'http://127.0.0.1:9' }, 'api', (error) => told.push(error));
  for (let i = 0; i < 2_000; i++) away.begin('x', {}, {}).end();
  const begun = performance.now();
  await away.close();
  expect(performance.now() - begun).toBeLessThan(3_000);
  await expect.poll(() => told.length, { timeout: 15_000 }).toBe(1);
});

test('nothing is made where there is no collector', async () => {
  const none = await startTracing({ otlpEndpoint: undefined }, 'api');
  const trail = { request: 'r' };
  expect(none.begin('x', {}, trail).trail).toBe(trail);
  expect(await none.span('x', {}, async () => 'done')).toBe('done');
  await collected();
});
