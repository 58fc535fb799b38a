/** Clients and API processes that come and go between a request, its job and its answer. */
import { expect, test } from 'vitest';
import { FleetClient, LONG, refusal } from '../../support/fleet/fleet-client.js';
import { leftovers, PREFIX, recorded } from '../../support/fleet/leftovers.js';
import { useFleet } from '../../support/fleet/room.js';

const room = useFleet({ apis: 2 });

test('the API dies between enqueueing and its answer: the same Idempotency-Key finds the one job', async () => {
  const { fleet, redis } = room;
  const before = await recorded(redis);
  const second = new FleetClient(fleet.urls[1]!);
  // It waits for the end of the embedding, so that the answer is still to come when the job is there.
  const headers = { 'idempotency-key': 'died', prefer: 'wait=30' };
  const unanswered = second.post({ steps: LONG }, { headers }).then(
    () => 'answered',
    () => 'cut off',
  );
  await expect.poll(async () => (await recorded(redis)).length, { timeout: 60_000 }).toBe(before.length + 1);
  const [id] = (await recorded(redis)).filter((one) => !before.includes(one));
  const isEnqueued = () => redis.exists(`${PREFIX}:embed:${id}`);
  await expect.poll(isEnqueued, { interval: 5 }).toBe(1);
  await fleet.apis[1]!.kill();
  expect(await unanswered).toBe('cut off');

  const again = await room.client.post({ steps: LONG }, { headers: { 'idempotency-key': 'died' } });
  expect(again.status).toBe(202);
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  expect(await again.json()).toMatchObject({ id });
  expect(await room.client.ended(id!)).toMatchObject({ state: 'succeeded' });
  await expect.poll(() => room.heard(id!)).toEqual(['embedding.succeeded']);
  expect(await recorded(redis)).toHaveLength(before.length + 1);
  await expect.poll(() => leftovers(fleet, redis)).toEqual([]);
  await fleet.apis[1]!.start();
  await fleet.ready();
});

/** Events of a stream with their ids, until it ends. */
async function events(id: string, last?: string): Promise<{ id: string; event: string }[]> {
  const answer = await room.client.get(`/embeddings/${id}/events`, {
    headers: last === undefined ? {} : { 'last-event-id': last },
  });
  expect(answer.status).toBe(200);
  const text = await answer.text();
  return [...text.matchAll(/^id: (.*)\nevent: (.*)$/gm)].map(([, id, event]) => ({ id: id!, event: event! }));
}

test('a client of server-sent events comes back after the events were trimmed: the state makes up for them', async () => {
  const { client, redis } = room;
  const id = await client.accepted({ steps: LONG });
  await client.underWay(id);
  const stream = `${PREFIX}:events:${id}`;
  const [first] = (await redis.xrange(stream, '-', '+', 'COUNT', 1))[0]!;
  await redis.xtrim(stream, 'MAXLEN', 1);
  const seen = await events(id, first);
  expect(seen[0]).toMatchObject({ event: 'state' });
  expect(seen.at(-1)).toMatchObject({ event: 'result' });
  expect(seen.slice(1, -1).every(({ event }) => event === 'progress' || event === 'preview')).toBe(true);

  // What was seen last is trimmed with everything else, after the end, too.
  await redis.xtrim(stream, 'MAXLEN', 0);
  expect((await events(id, first)).map(({ event }) => event)).toEqual(['result']);
});

test('cancelling an embedding that waits, one that runs and one that is done', async () => {
  const { client, fleet, redis } = room;
  const cancel = (id: string) => client.get(`/embeddings/${id}/cancel`, { method: 'POST' });
  const active = await client.accepted({ steps: '200' });
  const waiting = await client.accepted({ steps: '200' });
  await client.underWay(active);
  expect(await client.embedding(waiting)).toMatchObject({ state: 'queued' });
  for (const id of [waiting, active]) {
    const answer = await cancel(id);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ state: 'cancelled' });
  }
  const done = await client.accepted();
  expect(await client.ended(done, 60_000)).toMatchObject({ state: 'succeeded' });
  const late = await cancel(done);
  expect(await refusal(late)).toEqual([409, 'EMBEDDING_FINISHED']);
  for (const id of [waiting, active]) {
    expect(await client.embedding(id)).toMatchObject({ state: 'cancelled' });
    await expect.poll(() => room.heard(id)).toEqual(['embedding.cancelled']);
  }
  await expect.poll(() => leftovers(fleet, redis)).toEqual([]);
});

test('the API is told to stop under load: readiness says 503 first, and no answer that was begun is dropped', async () => {
  const { fleet, client } = room;
  await fleet.apis[1]!.start();
  await fleet.ready();
  const [a, b] = [await client.accepted(), await client.accepted()];
  for (const id of [a, b]) expect(await client.ended(id)).toMatchObject({ state: 'succeeded' });
  const api = fleet.apis[1]!;
  const second = new FleetClient(fleet.urls[1]!);
  // Each has a render of its own before it, so that answers are under way when the signal comes.
  const renders = Array.from({ length: 6 }, (_, i) =>
    second.get(`/morph?a=${a}&b=${b}&lambda=0.${i + 11}&size=64`),
  );
  const statuses: (number | 'refused')[] = [];
  const outcome = { torn: 0, isOver: false };
  const load = Array.from({ length: 4 }, async () => {
    while (!outcome.isOver) {
      const answer = await second.get(`/embeddings/${a}`).catch(() => undefined);
      statuses.push(answer?.status ?? 'refused');
      await answer?.arrayBuffer().catch(() => outcome.torn++);
    }
  });
  await expect.poll(() => statuses.length).toBeGreaterThan(20);
  const before = statuses.length;
  const ended = api.stop();
  const ready: number[] = [];
  for (; api.running; ) {
    const probe = await second.get('/readyz').catch(() => undefined);
    if (probe) ready.push(probe.status);
    await probe?.body?.cancel();
  }
  expect(await ended).toBe(0);
  outcome.isOver = true;
  await Promise.all(load);
  const drawn = await Promise.all(renders);
  for (const answer of drawn) {
    expect(answer.status).toBe(200);
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(1_000);
  }
  expect(outcome.torn).toBe(0);
  expect(new Set(statuses.slice(0, before))).toEqual(new Set([200]));
  // What comes later is answered, or never taken in.
  expect(statuses.every((status) => status === 200 || status === 'refused')).toBe(true);
  expect(ready).toContain(503);
  await api.start();
  await fleet.ready();
});
