/** A disk of the blob store that is full or read-only: for requests, and in the middle of a job. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { LONG, refusal } from '../../support/fleet/fleet-client.js';
import { leftovers, recorded } from '../../support/fleet/leftovers.js';
import { useFleet } from '../../support/fleet/room.js';

const room = useFleet();
const files = async (): Promise<string[]> => {
  const names = await readdir(join(room.fleet.dataDir, 'blobs'), { recursive: true, withFileTypes: true });
  return names.filter((entry) => entry.isFile()).map(({ name, parentPath }) => join(parentPath, name));
};

describe.each([
  ['full', 'ENOSPC', 'STORAGE_LOW'],
  ['read-only', 'EROFS', 'UNAVAILABLE'],
] as const)('the blob store is %s', (_how, diskError, code) => {
  /** Equal photos have equal latents: a morph of its own for each case, or it would be cached. */
  const lambda = code === 'STORAGE_LOW' ? 0.3 : 0.6;

  afterEach(() => room.fleet.suffer({}));

  test('a photo is refused with 503, nothing is half-made, reads go on, and later photos are taken', async () => {
    const { client, fleet, redis } = room;
    const [a, b] = [await client.accepted(), await client.accepted()];
    for (const id of [a, b]) expect(await client.ended(id)).toMatchObject({ state: 'succeeded' });
    const before = { records: await recorded(redis), files: (await files()).sort() };
    await fleet.suffer({ diskError });
    const refused = await client.post();
    expect(await refusal(refused)).toEqual([503, code]);
    const morph = await client.get(`/morph?a=${a}&b=${b}&size=64&lambda=${lambda}`);
    expect(await refusal(morph)).toEqual([503, code]);
    expect((await client.get(`/embeddings/${a}/latent`)).status).toBe(200);
    expect({ records: await recorded(redis), files: (await files()).sort() }).toEqual(before);
    await fleet.suffer({});
    expect((await client.get(`/morph?a=${a}&b=${b}&size=64&lambda=${lambda}`)).status).toBe(200);
    expect(await client.ended(await client.accepted())).toMatchObject({ state: 'succeeded' });
    await expect.poll(() => leftovers(fleet, redis)).toEqual([]);
  });

  test('an embedding that meets it in the middle of its steps is put off, and goes on when it is over', async () => {
    const { client, fleet, redis } = room;
    const id = await client.accepted({ steps: LONG });
    await client.underWay(id);
    await fleet.suffer({ diskError });
    const said = () => fleet.workers[0]!.said();
    await expect.poll(said, { timeout: 60_000 }).toMatch(new RegExp(`"job":"${id}".*"job put off"`));
    expect((await client.embedding(id)).state).not.toBe('failed');
    await fleet.suffer({});
    expect(await client.ended(id)).toMatchObject({ state: 'succeeded' });
    await expect.poll(() => room.heard(id), { timeout: 60_000 }).toEqual(['embedding.succeeded']);
    await expect.poll(() => leftovers(fleet, redis), { timeout: 60_000 }).toEqual([]);
  });
});
