/** Forms sent to the reader of `POST /embeddings` behind a real Fastify, with its error handler. */
import { Readable } from 'node:stream';
import multipart from '@fastify/multipart';
import Fastify from 'fastify';
// Says what the configuration of a route may hold.
import type {} from '../../src/api/access.js';
import { sendProblem } from '../../src/api/problem.js';
import { readUpload } from '../../src/api/upload.js';
import { latin1, type Target } from './target.js';

const LIMITS = { maxUploadBytes: 16_384, maxPhotos: 3 };

const PHOTO = '\xff\xd8\xff\xe0\0\x10JFIF\0'.repeat(8);
const part = (name: string, value: string, file?: string): string =>
  `--fuzz\r\nContent-Disposition: form-data; name="${name}"${file ? `; filename="${file}"\r\nContent-Type: image/jpeg` : ''}\r\n\r\n${value}\r\n`;
const form = (...parts: string[]): string => `${parts.join('')}--fuzz--\r\n`;

/** The first line of an input is the content type, so that it is changed, too. */
const TYPE = 'multipart/form-data; boundary=fuzz\n';
const SEEDS = [
  form(part('image', PHOTO, 'a.jpg')),
  form(
    part('image', PHOTO, 'a.jpg'),
    part('image', PHOTO, 'b.jpg'),
    part('preset', 'draft'),
    part('steps', '50'),
  ),
  form(
    part('labels', '{"a":"b"}'),
    part('reference', 'r-1'),
    part('face', 'all'),
    part('image', PHOTO, 'ü.jpg'),
  ),
  form(part('latent', '{"values":[]}', 'w.json'), part('generator', 'a:b')),
];

const TOKENS = [
  '--fuzz\r\n', '--fuzz--\r\n', '--fuzz--', '\r\n\r\n', '\r\n', '\n', '--', 'Content-Disposition: form-data; name="image"; filename="x"\r\n',
  'name="__proto__"', 'name="constructor"', 'name="toString"', 'name=""', 'filename=""', "filename*=UTF-8''%ff%00", 'Content-Type: text/plain; charset=utf-7\r\n',
  'Content-Transfer-Encoding: base64\r\n', 'X: y\r\n'.repeat(30), 'multipart/mixed', 'boundary=', 'boundary="', '; charset=utf-16', 'image', 'face', 'steps', '1e9', '-1',
  part('image', PHOTO, 'c.jpg'), part('seed', '1'), part('labels', '{"__proto__":{"a":1}}'),
]; // biome-ignore format: pieces of forms

export async function multipartTarget(): Promise<Target> {
  const app = Fastify({ bodyLimit: 2 ** 20 });
  app.setErrorHandler(sendProblem);
  app.removeAllContentTypeParsers();
  await app.register(multipart, { throwFileSizeLimit: false });
  app.post('/', async (request, reply) => {
    await readUpload(request, LIMITS);
    return reply.code(204).send();
  });
  await app.ready();
  return {
    seeds: SEEDS.map((seed) => latin1(TYPE + seed)),
    tokens: TOKENS.map(latin1),
    maxBytes: 65_536,
    read: async (bytes) => {
      const end = Math.min(bytes.indexOf(0x0a) >>> 0, bytes.length);
      // What an HTTP parser would not let through never arrives.
      const type = Buffer.from(bytes.subarray(0, end))
        .toString('latin1')
        .replace(/[^\x20-\x7e\x80-\xff]/g, '');
      const { statusCode, json } = await app.inject({
        method: 'POST',
        url: '/',
        headers: { 'content-type': type },
        payload: Readable.from(pieces(Buffer.from(bytes.subarray(end + 1)))),
      });
      if (statusCode === 204) return;
      if (statusCode >= 500) throw new Error(`Answered ${statusCode}`);
      throw new Refused(String(json<{ detail?: string }>().detail));
    },
    isRefusal: (error) => error instanceof Refused,
    close: () => app.close(),
  };
}

class Refused extends Error {}

/** As a network would cut it: at places that depend on the bytes alone. */
function pieces(body: Buffer): Buffer[] {
  const size = 1 + (((body[body.length >> 1] ?? 0) + body.length) % 997);
  const out: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) out.push(body.subarray(at, at + size));
  return out;
}
