/** What Prometheus is told, of API, queues and workers that really did something. */
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { METRICS, type Sample } from '../../src/metrics/catalogue.js';
import { Tally } from '../../src/metrics/tally.js';
import { MetricSums } from '../../src/store/metric-sums.js';
import { announce } from '../../src/store/workers.js';
import { startApp, type TestApp } from '../support/app.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { startWorker } from '../support/worker.js';

let server: TestRedis;
let service: TestApp;
let jpeg: Uint8Array<ArrayBuffer>;
beforeAll(async () => {
  server = await startRedis();
  jpeg = new Uint8Array(await readFile(SMALL_PHOTO));
});
afterAll(() => server.stop());
beforeEach(async () => {
  service = await startApp(server.url);
});
afterEach(() => service.close());

async function post(): Promise<string> {
  const form = new FormData();
  form.set('image', new Blob([jpeg]), 'a.jpg');
  form.set('steps', '30');
  const answer = await service.post(form);
  expect(answer.statusCode, answer.body).toBe(202);
  return answer.json().id;
}

const stateOf = async (id: string) => (await service.app.inject(`/embeddings/${id}`)).json().state;

/** Values by series, as they were exposed. */
async function scrape(scope = 'all'): Promise<Map<string, number>> {
  const answer = await service.app.inject(`/metrics?scope=${scope}`);
  expect(answer.statusCode, answer.body).toBe(200);
  expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  const lines = answer.body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [, series, value] = /^(\S+?(?:\{.*\})?) (\S+)$/.exec(line)!;
      return [series!, Number(value)];
    }),
  );
}

const families = (text: string): string[] => [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!);

describe('/metrics', () => {
  test('counts what API, queues and workers do with a photo and its morphs', async () => {
    const worker = await startWorker(service, server.url);
    try {
      const [a, b] = [await post(), await post()];
      for (const id of [a, b]) await expect.poll(() => stateOf(id)).toBe('succeeded');
      for (let i = 0; i < 2; i++)
        expect((await service.app.inject(`/morph?a=${a}&b=${b}&lambda=0.5`)).statusCode).toBe(200);
      worker.engine.broken = { photo: 0, step: 3 };
      const wrong = await post();
      await expect.poll(() => stateOf(wrong)).toBe('failed');
    } finally {
      await worker.close();
    }
    await worker.tell();
    // Accepted without a look at it, since nobody looks, and waiting.
    await post();

    const found = await scrape();
    expect(Object.fromEntries(found)).toMatchObject({
      'latentmorph_http_requests_total{method="POST",route="/embeddings",status="202"}': 4,
      'latentmorph_http_requests_total{method="GET",route="/morph",status="200"}': 2,
      'latentmorph_http_request_seconds_count{method="GET",route="/morph"}': 2,
      'latentmorph_render_cache_total{result="hit"}': 1,
      'latentmorph_render_cache_total{result="miss"}': 1,
      'latentmorph_renders_total{kind="morph",outcome="succeeded"}': 1,
      'latentmorph_renders_total{kind="detect",outcome="succeeded"}': 3,
      'latentmorph_embeddings_total{outcome="succeeded"}': 2,
      'latentmorph_embeddings_total{outcome="failed"}': 1,
      'latentmorph_embeddings_total{outcome="abandoned"}': 0,
      'latentmorph_job_seconds_count{outcome="succeeded",queue="embed"}': 2,
      'latentmorph_job_seconds_count{outcome="failed",queue="embed"}': 1,
      'latentmorph_job_seconds_count{outcome="succeeded",queue="render"}': 4,
      'latentmorph_job_seconds_bucket{le="+Inf",outcome="succeeded",queue="embed"}': 2,
      'latentmorph_job_seconds_bucket{le="1800",outcome="succeeded",queue="embed"}': 2,
      latentmorph_engine_restarts_total: 0,
      'latentmorph_queue_depth{queue="embed",state="waiting"}': 1,
      'latentmorph_queue_depth{queue="embed",state="failed"}': 1,
      'latentmorph_queue_depth{queue="render",state="active"}': 0,
      'latentmorph_workers{role="embed"}': 0,
    });
    const seconds = found.get('latentmorph_device_seconds_total{device="cpu",tenant="default"}')!;
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeCloseTo(await service.deps.usage.ofDay('default', new Date()), 9);
    expect(found.get('latentmorph_step_seconds_count{device="cpu"}')).toBeGreaterThan(0);
  }, 90_000);

  test('tells every metric of the catalogue, and of the process when it is asked to', async () => {
    const text = async (scope: string) => (await service.app.inject(`/metrics?scope=${scope}`)).body;
    const names = Object.keys(METRICS).sort();
    expect(families(await text('all')).sort()).toEqual(names);
    expect([...families(await text('process')), ...families(await text('service'))].sort()).toEqual(names);
    service.deps.metrics.aboutProcess();
    expect(families(await text('process'))).toContain('process_cpu_seconds_total');
    expect(families(await text('service'))).not.toContain('process_cpu_seconds_total');
  });

  test('counts live workers by role', async () => {
    const { keyPrefix } = service.deps.config;
    await announce(service.redis, keyPrefix, { id: 'w1', roles: ['embed', 'render'], warmUpMs: {} });
    await announce(service.redis, keyPrefix, { id: 'w2', roles: ['embed'], warmUpMs: {} });
    expect(Object.fromEntries(await scrape('service'))).toMatchObject({
      'latentmorph_workers{role="embed"}': 2,
      'latentmorph_workers{role="render"}': 1,
      'latentmorph_workers{role="upkeep"}': 0,
    });
  });

  test('has no label that a client can make up', async () => {
    for (const url of [
      '/anna',
      '/anna?q=1',
      '/embeddings/anna',
      '/embeddings/anna/image?kind=anna',
      '/docs/static/anna',
    ])
      await service.app.inject(url);
    await service.app.inject({ method: 'PUT', url: '/embeddings' });
    const series = [...(await scrape('process')).keys()].filter((one) => one.includes('requests_total'));
    expect(series.join('\n')).not.toContain('anna');
    expect(series).toEqual(
      expect.arrayContaining([
        'latentmorph_http_requests_total{method="GET",route="none",status="404"}',
        'latentmorph_http_requests_total{method="PUT",route="none",status="405"}',
        'latentmorph_http_requests_total{method="GET",route="/embeddings/:id",status="404"}',
      ]),
    );
  });

  test('is for admins only', async () => {
    const config = { ...loadConfig({ LATENTMORPH_AUTH: 'keys' }), keyPrefix: `metrics-${Math.random()}` };
    const guarded = await startApp(server.url, { config });
    try {
      const ask = async (admin: boolean) => {
        const { token } = await guarded.deps.apiKeys.create({ tenant: 'acme', name: 'k', admin });
        const headers = { authorization: `Bearer ${token}` };
        return (await guarded.app.inject({ url: '/metrics', headers })).statusCode;
      };
      expect((await guarded.app.inject('/metrics')).statusCode).toBe(401);
      expect([await ask(false), await ask(true)]).toEqual([403, 200]);
    } finally {
      await guarded.close();
    }
  });
});

describe('sums of workers', () => {
  const sumsOf = async () => {
    const samples = await service.deps.metricSums.read();
    return new Map(samples.map(({ name, labels, value }) => [`${name} ${Object.values(labels)}`, value]));
  };
  const handOn = (tally: Tally) => tally.handOn((samples) => service.deps.metricSums.add(samples));

  test('only grow: neither a worker that is gone nor one that begins takes anything away', async () => {
    const [first, second] = [new Tally(), new Tally()];
    first.count('latentmorph_renders_total', { kind: 'morph', outcome: 'succeeded' }, 3);
    await handOn(first);
    await handOn(first);
    second.count('latentmorph_renders_total', { outcome: 'succeeded', kind: 'morph' });
    await handOn(second);
    expect((await sumsOf()).get('latentmorph_renders_total morph,succeeded')).toBe(4);
  });

  test('keep for the next time what did not arrive', async () => {
    const tally = new Tally();
    tally.count('latentmorph_engine_restarts_total', {});
    const away = () => Promise.reject(new Error('away'));
    await expect(tally.handOn(away)).rejects.toThrow('away');
    tally.count('latentmorph_engine_restarts_total', {});
    await handOn(tally);
    expect((await sumsOf()).get('latentmorph_engine_restarts_total ')).toBe(2);
  });

  test('of a histogram are cumulative, and come with all buckets in order', async () => {
    const tally = new Tally();
    for (const seconds of [0.004, 0.005, 0.3, 100])
      tally.observe('latentmorph_step_seconds', { device: 'cpu' }, seconds);
    await handOn(tally);
    const { body } = await service.app.inject('/metrics?scope=service');
    const buckets = [...body.matchAll(/^latentmorph_step_seconds_bucket\{(.*)\} (\S+)$/gm)];
    const { buckets: bounds } = METRICS.latentmorph_step_seconds;
    expect(buckets.map(([, labels]) => /le="([^"]+)"/.exec(labels!)![1])).toEqual([
      ...bounds.map(String),
      '+Inf',
    ]);
    expect(buckets.map(([, , value]) => Number(value))).toEqual([
      ...bounds.map((bound) => [0.004, 0.005, 0.3, 100].filter((seconds) => seconds <= bound).length),
      4,
    ]);
    expect(body).toContain('latentmorph_step_seconds_count{device="cpu"} 4');
  });

  test('stay readable by the thousand', async () => {
    const sums = new MetricSums(service.redis, service.deps.config.keyPrefix);
    const samples = Array.from(
      { length: 2_000 },
      (_, i): Sample => ({
        name: 'latentmorph_device_seconds_total',
        labels: { tenant: `t${i}`, device: 'cpu' },
        value: i / 8,
      }),
    );
    await sums.add(samples);
    const found = await scrape('service');
    expect(found.get('latentmorph_device_seconds_total{device="cpu",tenant="t1999"}')).toBe(1999 / 8);
  });
});
