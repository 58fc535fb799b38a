import { expect, test } from 'vitest';
import { eachTestOnApp, storeFinished, type TestApp } from '../support/app.js';

let service: TestApp;
eachTestOnApp(async (app) => {
  service = app;
});

/** Stores embeddings, the second of each minute created later; labels and state by place. */
async function store(count: number, patch: (i: number) => object = () => ({})): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const createdAt = new Date(Date.UTC(2026, 0, 1, 0, i)).toISOString();
    ids.push((await storeFinished(service, { createdAt, ...patch(i) })).id);
  }
  return ids;
}

const list = async (query = '') => (await service.app.inject(`/embeddings${query}`)).json();
const idsOf = ({ embeddings }: { embeddings: { id: string }[] }) => embeddings.map(({ id }) => id);

/** Ids of all pages. */
async function walk(query: string): Promise<string[]> {
  const ids: string[] = [];
  let next: string | undefined;
  for (let pages = 0; pages < 50; pages++) {
    const page = await list(`?${query}${next ? `&cursor=${next}` : ''}`);
    ids.push(...idsOf(page));
    next = page.next;
    if (!next) return ids;
  }
  throw new Error('The pages do not end');
}

test('lists the newest first, page by page, each once', async () => {
  const ids = await store(7);
  expect(idsOf(await list())).toEqual(ids.toReversed());
  for (const limit of [1, 2, 3, 7, 8]) expect(await walk(`limit=${limit}`)).toEqual(ids.toReversed());
});

test('embeddings of one millisecond are all listed', async () => {
  const ids = await store(9, () => ({ createdAt: '2026-01-01T00:00:00.000Z' }));
  const walked = await walk('limit=2');
  expect(walked).toHaveLength(9);
  expect(new Set(walked)).toEqual(new Set(ids));
});

test('a new embedding does not move the pages behind the first', async () => {
  const ids = await store(4);
  const first = await list('?limit=2');
  await storeFinished(service, { createdAt: '2026-02-01T00:00:00.000Z' });
  expect(idsOf(await list(`?limit=2&cursor=${first.next}`))).toEqual([ids[1], ids[0]]);
});

test('filters by state, label, reference and time, and by all of them', async () => {
  const ids = await store(6, (i) => ({
    state: i % 2 ? 'failed' : 'succeeded',
    labels: i < 3 ? ['early', 'x'] : ['x'],
    reference: `photo-${i % 3}`,
  }));
  const [a, b, c, d, e, f] = ids;
  expect(await walk('state=failed&limit=1')).toEqual([f, d, b]);
  expect(await walk('label=early')).toEqual([c, b, a]);
  expect(await walk('reference=photo-1')).toEqual([e, b]);
  expect(await walk('createdFrom=2026-01-01T00:02:00Z&createdBefore=2026-01-01T00:04:00Z')).toEqual([d, c]);
  expect(
    await walk('state=succeeded&label=early&reference=photo-2&createdBefore=2026-01-02T00:00:00Z'),
  ).toEqual([c]);
  expect(await walk('label=none')).toEqual([]);
});

test('what was deleted or is long expired is not listed', async () => {
  const [gone, kept, expired] = (await store(3, () => ({ labels: ['x'] }))) as [string, string, string];
  await service.app.inject({ method: 'DELETE', url: `/embeddings/${gone}` });
  await service.deps.records.expire(expired);
  expect(await walk('label=x')).toEqual([kept]);
  expect(await walk('state=expired')).toEqual([expired]);
  const { keyPrefix } = service.deps.config;
  await service.redis.del(`${keyPrefix}:embedding:${expired}`);
  expect(await walk('')).toEqual([kept]);
  expect(await service.redis.zcard(`${keyPrefix}:tenant:default:embeddings`)).toBe(1);
});

test.each([
  ['limit=0', 'limit'],
  ['limit=101', 'limit'],
  ['cursor=xyz', 'cursor'],
  ['state=done', 'state'],
  ['label=a%2Cb', 'label'],
  ['createdFrom=yesterday', 'createdFrom'],
  ['createdBefore=2026-13-01T00:00:00Z', 'createdBefore'],
  ['sort=asc', 'sort'],
])('refuses %s', async (query, name) => {
  const answer = await list(`?${query}`);
  expect(answer).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
  expect(answer.detail).toContain(name);
});
