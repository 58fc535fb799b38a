import { beforeEach, expect, it, vi } from 'vitest';
import { STYLE_DIM, STYLES } from '../../../src/contracts.js';
import { Latents } from '../../../src/worker/latents.js';

const bytes = (value: number): Buffer => Buffer.from(new Float32Array(STYLES * STYLE_DIM).fill(value).buffer);

let stored: Map<string, Buffer>;
let get: ReturnType<typeof vi.fn<(key: string) => Promise<Buffer | undefined>>>;
let latents: Latents;

beforeEach(() => {
  stored = new Map([
    ['one', bytes(1)],
    ['short', Buffer.alloc(8)],
  ]);
  get = vi.fn(async (key: string) => stored.get(key));
  latents = new Latents({ get });
});

it('reads a latent once', async () => {
  const first = await latents.get('one');
  expect([first.length, first[0], first.at(-1)]).toEqual([STYLES * STYLE_DIM, 1, 1]);
  expect(await latents.get('one')).toBe(first);
  expect(get).toHaveBeenCalledTimes(1);
});

it('forgets a deleted latent within a minute', async () => {
  let now = 1_000;
  latents = new Latents({ get }, { now: () => now });
  await latents.get('one');
  stored.delete('one');
  now += 59_000;
  expect((await latents.get('one'))[0]).toBe(1);
  now += 2_000;
  await expect(latents.get('one')).rejects.toMatchObject({ code: 'EMBEDDING_NOT_FOUND' });
});

it('keeps the most recent 256', async () => {
  for (let i = 0; i < 300; i++) {
    stored.set(`l${i}`, bytes(i));
    await latents.get(`l${i}`);
  }
  get.mockClear();
  await latents.get('l299');
  await latents.get('l44');
  expect(get).not.toHaveBeenCalled();
  await latents.get('l43');
  expect(get).toHaveBeenCalledTimes(1);
});

it('refuses a latent of another size', async () => {
  await expect(latents.get('short')).rejects.toThrow('Expected 32768 bytes for the latent but received 8');
});
