import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteObjectsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { openBlobs } from '../../src/store/open-blobs.js';
import { S3BlobStore } from '../../src/store/s3-blobs.js';
import { s3Client } from '../../src/store/s3-client.js';
import { detection, startApp } from '../support/app.js';
import { blobStoreSuite, sweepSuite } from '../support/blob-store-suite.js';
import { SMALL_PHOTO } from '../support/photos.js';
import { startRedis } from '../support/redis.js';
import { CREDENTIALS, FIRST_USE_MS, startS3, type TestS3 } from '../support/s3.js';

let s3: TestS3;
beforeAll(async () => {
  s3 = await startS3();
}, FIRST_USE_MS);
afterAll(() => s3?.stop());

const storeOf = (prefix = s3.place.prefix, timeoutMs = 10_000): S3BlobStore =>
  new S3BlobStore({ ...s3, ...s3.place, prefix, timeoutMs });

const empty = async (): Promise<void> => {
  const keys = await s3.keys();
  if (keys.length > 0)
    await s3.client.send(
      new DeleteObjectsCommand({
        Bucket: s3.place.bucket,
        Delete: { Objects: keys.map((Key) => ({ Key })) },
      }),
    );
};

describe('the S3 blob store', () => {
  blobStoreSuite(async () => ({ store: storeOf(), dispose: empty }));
  sweepSuite(async () => ({ store: storeOf(), dispose: empty }));
  afterEach(empty);

  test('keeps everything below its prefix, and deletes nothing beside it', async () => {
    await Promise.all([
      storeOf('').put('a/1', Buffer.from('x')),
      storeOf('p/q/').put('a/1', Buffer.from('y')),
    ]);
    expect(await s3.keys()).toEqual(['a/1', 'p/q/a/1']);
    await storeOf('p/q/').deletePrefix('a/');
    expect(await s3.keys()).toEqual(['a/1']);
  });

  test('deletes a folder of more values than S3 lists on a page', async () => {
    const { client, place } = s3;
    const names = Array.from({ length: 1_005 }, (_, i) => `${place.prefix}many/${i}`);
    for (let i = 0; i < names.length; i += 50)
      await Promise.all(
        names
          .slice(i, i + 50)
          .map((Key) => client.send(new PutObjectCommand({ Bucket: place.bucket, Key, Body: 'x' }))),
      );
    await storeOf().put('manya/1', Buffer.from('x'));
    await storeOf().deletePrefix('many/');
    expect(await s3.keys()).toEqual([`${place.prefix}manya/1`]);
  });

  test('sweeps the oldest first', async () => {
    const store = storeOf();
    await store.put('renders/old', Buffer.alloc(10));
    // The clock of S3 counts seconds.
    await sleep(1_100);
    await store.put('renders/new', Buffer.alloc(10));
    expect(await store.sweep('renders/', { maxBytes: 10, maxAge: 60_000 })).toEqual({
      deleted: 1,
      bytes: 10,
    });
    expect(await s3.keys()).toEqual([`${s3.place.prefix}renders/new`]);
  });
});

async function listening(
  listener: RequestListener,
): Promise<{ endpoint: string; close: () => Promise<void> }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('an S3 server in trouble', () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  /** A blob store whose server answers as told, or not at all. */
  const storeAt = async (listener: RequestListener, timeoutMs = 5_000): Promise<S3BlobStore> => {
    const { endpoint, close } = await listening(listener);
    const client = s3Client({ ...s3.place, endpoint }, { credentials: CREDENTIALS });
    stops.push(async () => {
      client.destroy();
      await close();
    });
    return new S3BlobStore({ client, bucket: 'faces', prefix: '', timeoutMs });
  };

  /** Every operation of the store answers this, and tells the client nothing of the server. */
  const expectUnavailable = async (store: S3BlobStore): Promise<void> => {
    const operations = [
      store.put('a/b', Buffer.from('x')),
      store.get('a/b'),
      store.has('a/b'),
      store.delete('a/b'),
      store.deletePrefix('a/'),
      store.sweep('a/', { maxBytes: 0, maxAge: 0 }),
    ];
    for (const result of await Promise.allSettled(operations)) {
      const { reason } = result as PromiseRejectedResult;
      expect(reason).toMatchObject({ code: 'UNAVAILABLE', message: expect.not.stringMatching(/faces|127/) });
    }
  };

  test('that is not there is UNAVAILABLE', async () => {
    const store = await storeAt(() => {});
    await stops.pop()!();
    await expectUnavailable(store);
  });

  test('that never answers is UNAVAILABLE within the time', async () => {
    const begun = performance.now();
    await expectUnavailable(await storeAt(() => {}, 500));
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  test('whose value stops half-way is UNAVAILABLE within the time', async () => {
    const store = await storeAt((_request, response) => {
      response.writeHead(200, { 'content-length': 10 });
      response.write('12345');
    }, 500);
    const begun = performance.now();
    await expect(store.get('a/b')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  test('that lets nobody in is UNAVAILABLE, and no key counts as missing', async () => {
    await expectUnavailable(
      await storeAt((request, response) => {
        response.writeHead(403, { 'content-type': 'application/xml' });
        response.end(request.method === 'HEAD' ? '' : '<Error><Code>AccessDenied</Code></Error>');
      }),
    );
  });

  test('that has forgotten its bucket is UNAVAILABLE: the value may exist', async () => {
    const store = await storeAt((_request, response) => {
      response.writeHead(404, { 'content-type': 'application/xml' });
      response.end('<Error><Code>NoSuchBucket</Code></Error>');
    });
    await expect(store.get('a/b')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('that fails twice is asked a third time, and no fourth', async () => {
    const failing = (times: number) => {
      const seen = { requests: 0 };
      const listener: RequestListener = (_request, response) => {
        seen.requests++;
        response.writeHead(seen.requests <= times ? 503 : 200).end('value');
      };
      return { seen, listener };
    };
    expect(await (await storeAt(failing(2).listener)).get('a/b')).toEqual(Buffer.from('value'));
    const { seen, listener } = failing(9);
    await expect((await storeAt(listener)).get('a/b')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(seen.requests).toBe(3);
  });

  test('that keeps some values of a folder has deleted the others, and the cause names those', async () => {
    let page = 0;
    const deleted: string[] = [];
    const store = await storeAt((request, response) => {
      response.writeHead(200, { 'content-type': 'application/xml' });
      if (request.method === 'GET') {
        page++;
        const next = page === 1 ? '<NextContinuationToken>2</NextContinuationToken>' : '';
        const keys = [`${page}a`, `${page}b`].map((name) => `<Contents><Key>a/${name}</Key></Contents>`);
        response.end(`<ListBucketResult>${keys.join('')}${next}</ListBucketResult>`);
        return;
      }
      let body = '';
      request.on('data', (part: Buffer) => {
        body += part;
      });
      request.on('end', () => {
        const keys = [...body.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key!);
        const locked = '<Error><Key>a/1a</Key><Code>AccessDenied</Code><Message>locked</Message></Error>';
        deleted.push(...keys.filter((key) => key !== 'a/1a'));
        response.end(`<DeleteResult>${keys.includes('a/1a') ? locked : ''}</DeleteResult>`);
      });
    });
    await expect(store.deletePrefix('a/')).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      cause: { message: '1 objects were not deleted: a/1a: AccessDenied locked' },
    });
    expect(deleted).toEqual(['a/1b', 'a/2a', 'a/2b']);
  });
});

describe('opening the blobs', () => {
  const open = (env: Record<string, string>) =>
    openBlobs(loadConfig({ LATENTMORPH_S3_ENDPOINT: s3.place.endpoint, ...env }));
  /** Neither environment nor files nor the machine give credentials, unless a test does. */
  const CREDENTIALS_NOWHERE = {
    AWS_ACCESS_KEY_ID: '',
    AWS_SECRET_ACCESS_KEY: '',
    AWS_PROFILE: '',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  afterEach(() => vi.unstubAllEnvs());
  const stub = (env: Record<string, string>): void => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  };
  const known = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };

  test('gives the bucket that the configuration names, with the credentials of the environment', async () => {
    stub(known);
    const store = await open({ LATENTMORPH_BLOBS: 's3://faces/some/prefix/' });
    await store.put('a', Buffer.from('x'));
    expect(await s3.keys()).toEqual(['some/prefix/a']);
    await store.delete('a');
  });

  test.each([
    ['no such bucket', 's3://nowhere', {}, known, /'nowhere' of LATENTMORPH_BLOBS does not exist.*create it/],
    ['no credentials', 's3://faces', {}, {}, /no credentials: set AWS_ACCESS_KEY_ID/],
    [
      'no server',
      's3://faces',
      { LATENTMORPH_S3_ENDPOINT: 'http://127.0.0.1:9' },
      known,
      /cannot be reached at http:\/\/127.0.0.1:9: .*Is LATENTMORPH_S3_ENDPOINT right/,
    ],
  ])(
    'with %s ends the start with a sentence that says what to do',
    async (_title, blobs, env, given, words) => {
      stub({ ...CREDENTIALS_NOWHERE, ...given });
      await expect(open({ LATENTMORPH_BLOBS: blobs, ...env })).rejects.toThrow(words);
    },
  );

  test.each([
    [403, /does not let these credentials in: they need s3:ListBucket/],
    [301, /is not at .*: set AWS_REGION/],
    [500, /cannot be reached at/],
  ])('at a server that answers %i does, too', async (status, words) => {
    stub(known);
    const { endpoint, close } = await listening((_request, response) => response.writeHead(status).end());
    const env = { LATENTMORPH_BLOBS: 's3://faces', LATENTMORPH_S3_ENDPOINT: endpoint };
    await expect(open(env)).rejects.toThrow(words);
    await close();
  });
});

test('an embedding of the service lies in the bucket, and nothing of it is left after DELETE', async () => {
  const redis = await startRedis();
  const service = await startApp(redis.url, { blobs: storeOf() });
  try {
    service.serveRenders(async () => detection(1));
    const form = new FormData();
    form.set('image', new Blob([Uint8Array.from(await readFile(SMALL_PHOTO))]), 'photo.jpg');
    const { id, links } = (await service.post(form)).json();
    expect(await s3.keys()).toEqual([`${s3.place.prefix}embeddings/${id}/original.jpg`]);
    const image = await service.app.inject(links.original);
    expect([image.statusCode, image.rawPayload.length > 1_000]).toEqual([200, true]);
    expect((await service.app.inject({ method: 'DELETE', url: links.self })).statusCode).toBe(204);
    expect([await s3.keys(), await service.blobFiles()]).toEqual([[], []]);
  } finally {
    await service.close();
    await redis.stop();
  }
});
