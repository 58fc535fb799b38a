/** The backend of a small photo app. The key stays here; browsers load images by signed URLs. */
import { readFile } from 'node:fs/promises';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
// In an app of your own: from 'latentmorph-client'.
import { type Latentmorph, LatentmorphError } from '../../clients/typescript/src/latentmorph.js';

/** From 0, the portrait, to 1, the visitor. */
const LAMBDAS = Array.from({ length: 11 }, (_, i) => i / 10);
const OPTIONS = { preset: 'draft' } as const;

/** `page` is the HTML of `/`; `portraits` are photos by name, embedded once a day at most. */
export function photoApp(client: Latentmorph, portraits: Record<string, Uint8Array>, page: URL): Hono {
  const app = new Hono();
  const signed = async (url: string): Promise<string> => (await client.signUrls([url]))[0]!;

  app.get('/', async (c) => c.html(await readFile(page, 'utf8')));

  app.get('/portraits', async (c) => {
    const posted = Object.entries(portraits).map(async ([name, photo]) => {
      // The same key gets the embedding that was made first.
      const { id } = await client.embed(photo, OPTIONS, { idempotencyKey: `photo-app-${name}` });
      return { id, name, url: await signed(client.imageUrl(id, { kind: 'original' })) };
    });
    return c.json(await Promise.all(posted));
  });

  app.post('/photos', async (c) => {
    const { photo } = await c.req.parseBody();
    if (!(photo instanceof File)) return c.json({ message: 'Choose a photo.' }, 400);
    return c.json({ id: (await client.embed(photo, OPTIONS)).id }, 202);
  });

  app.get('/photos/:id/events', (c) =>
    streamSSE(c, async (stream) => {
      const send = (event: string, data: unknown) => stream.writeSSE({ event, data: String(data) });
      const preview = client.imageUrl(c.req.param('id'), { kind: 'preview' });
      for await (const event of client.events(c.req.param('id'), { signal: c.req.raw.signal })) {
        if (event.type === 'progress') await send('progress', event.progress.fraction);
        if (event.type === 'preview') await send('preview', await signed(preview));
        if (event.type === 'result')
          await send('result', event.embedding.error?.detail ?? event.embedding.state);
      }
    }),
  );

  app.get('/morphs/:a/:b', async (c) => {
    const { a, b } = c.req.param();
    await client.wait(b, { signal: c.req.raw.signal });
    const look = { size: 512, format: 'webp' } as const;
    return c.json(await client.signUrls(LAMBDAS.map((lambda) => client.morphUrl({ a, b, lambda, ...look }))));
  });

  app.onError((error, c) => {
    // What is wrong with a photo is the visitor's to know; anything else is ours.
    const isTheirs = error instanceof LatentmorphError && [404, 413, 415, 422].includes(error.status);
    if (isTheirs) return c.json({ message: error.message }, 422);
    console.error(error);
    return c.json({ message: 'Try again later.' }, 502);
  });

  return app;
}
