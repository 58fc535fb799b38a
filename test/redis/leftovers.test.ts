/** What lost processes left in the data directory is found and deleted, and nothing else is. */
import { describe, expect, test } from 'vitest';
import { expire } from '../../src/worker/chores.js';
import { dropLeftovers } from '../../src/worker/drop-leftovers.js';
import { eachTestOnApp, storeFinished, type TestApp } from '../support/app.js';
import { upkeepOf } from '../support/upkeep.js';

const signal = new AbortController().signal;
const JPEG = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(64, 1)]);

let service: TestApp;
eachTestOnApp(async (app) => {
  service = app;
});

describe('leftovers', () => {
  const HOUR = 3_600_000;
  /** The clock of upkeep against the times of files, which are real. */
  const upkeepIn = (ms: number) => upkeepOf(service, Date.now() - service.deps.now().getTime() + ms);
  const put = (id: string, path: string) => service.deps.blobs.put(`embeddings/${id}/${path}`, JPEG);
  const files = async (id: string): Promise<number> =>
    (await service.blobFiles()).filter((path) => path.includes(id)).length;

  test('without a record are deleted after a day, by one process or two, and told to the audit', async () => {
    const kept = await storeFinished(service);
    const lost = service.deps.newId();
    await put(lost, 'original.jpg');
    await put(lost, '1/aligned.png');
    await dropLeftovers(upkeepIn(23 * HOUR), signal);
    expect(await files(lost)).toBe(2);
    await Promise.all([
      dropLeftovers(upkeepIn(25 * HOUR), signal),
      dropLeftovers(upkeepIn(25 * HOUR), signal),
    ]);
    expect(await files(lost)).toBe(0);
    expect(await files(kept.id)).toBe(1);
    const audit = await collected(upkeepOf(service).audit.since(new Date(0)));
    expect(new Set(audit.map(({ id, why, tenant }) => `${id} ${why} ${tenant}`))).toEqual(
      new Set([`${lost} orphan undefined`]),
    );
  });

  test('of a lost attempt beside the one that succeeded are deleted when they have rested for an hour', async () => {
    const id = service.deps.newId();
    const latent = `embeddings/${id}/2/latent.f32`;
    await storeFinished(service, { id, attempt: 2, blobs: { latent } });
    await put(id, '1/aligned.png');
    await put(id, '2/latent.f32');
    await dropLeftovers(upkeepIn(HOUR / 2), signal);
    expect(await service.deps.blobs.has(`embeddings/${id}/1/aligned.png`)).toBe(true);
    await dropLeftovers(upkeepIn(2 * HOUR), signal);
    expect(await service.deps.blobs.has(`embeddings/${id}/1/aligned.png`)).toBe(false);
    expect(await service.deps.blobs.has(latent)).toBe(true);
  });

  test('of an expired embedding, whose worker wrote once more before it was lost', async () => {
    const { id } = await storeFinished(service, { expiresAt: service.deps.now().toISOString() });
    await expire(upkeepOf(service), signal);
    expect(await files(id)).toBe(0);
    await put(id, '1/preview.jpg');
    await dropLeftovers(upkeepIn(25 * HOUR), signal);
    expect(await files(id)).toBe(0);
  });

  test('are files that were never finished, after an hour', async () => {
    const { id } = await storeFinished(service);
    await put(id, '1/aligned.png.0123456789ab.tmp');
    await dropLeftovers(upkeepIn(0.9 * HOUR), signal);
    expect(await files(id)).toBe(2);
    await dropLeftovers(upkeepIn(1.1 * HOUR), signal);
    expect(await files(id)).toBe(1);
  });

  test('are looked for only where embeddings are files', async () => {
    await dropLeftovers(upkeepIn(99 * HOUR), signal);
    expect(await service.blobFiles()).toEqual([]);
    expect(await service.redis.keys(`${service.deps.config.keyPrefix}:blobs`)).toEqual([]);
  });

  test('are looked for a part at a time', async () => {
    for (let i = 0; i < 5; i++) await put(service.deps.newId(), 'original.jpg');
    const { leftovers } = upkeepIn(HOUR);
    const rounds = [];
    for (let i = 0; i < 4; i++) rounds.push((await leftovers.embeddings(0, 2)).length);
    expect(rounds).toEqual([2, 2, 1, 2]);
  });

  test('are left alone where Redis is another one, or was emptied', async () => {
    const { id } = await storeFinished(service);
    await dropLeftovers(upkeepIn(HOUR), signal);
    await service.redis.flushall();
    const warned: string[] = [];
    const log = { info: () => undefined, warn: (text: string) => void warned.push(text) };
    await dropLeftovers({ ...upkeepIn(99 * HOUR), log }, signal);
    expect(await files(id)).toBe(1);
    expect(warned).toEqual([expect.stringMatching('belongs to another Redis')]);
  });
});

async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
