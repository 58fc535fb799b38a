/**
 * Signatures that let a browser load one image without a key. What is signed is path, parameters, end of validity and
 * key; the secret is one of the service and stays in Redis.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Redis } from 'ioredis';
import { reachable } from './redis.js';

/** Query parameters that a signature adds. */
export const SIGNATURE_PARAMETERS = ['expires', 'key', 'signature'] as const;

export class UrlSignatures {
  #secret: string | undefined;

  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
  ) {}

  /** `path` with its query, plus `expires` (Unix seconds), `key` (id; none in open mode) and `signature`. */
  async sign(path: string, { expires, key }: { expires: number; key?: string | undefined }): Promise<string> {
    const url = new URL(path, BASE);
    url.searchParams.set('expires', String(expires));
    if (key !== undefined) url.searchParams.set('key', key);
    url.searchParams.set('signature', await this.#signature(url));
    return url.pathname + url.search;
  }

  /** Whether the signature of the path is ours, over all of its other parameters in any order. */
  async verify(path: string): Promise<boolean> {
    const url = new URL(path, BASE);
    const given = url.searchParams.getAll('signature');
    url.searchParams.delete('signature');
    const expected = Buffer.from(await this.#signature(url));
    const [received] = given.map((text) => Buffer.from(text));
    return given.length === 1 && received?.length === expected.length && timingSafeEqual(received, expected);
  }

  async #signature({ pathname, searchParams }: URL): Promise<string> {
    const parameters = [...searchParams].map(([name, value]) => JSON.stringify([name, value])).sort();
    const text = JSON.stringify([pathname, parameters]);
    return createHmac('sha256', await this.#key())
      .update(text)
      .digest('base64url');
  }

  /** The secret of the service; the first process that needs it makes it. */
  async #key(): Promise<string> {
    if (this.#secret) return this.#secret;
    const name = `${this.prefix}:url-secret`;
    await reachable(this.redis.set(name, randomBytes(32).toString('base64url'), 'NX'));
    const secret = await reachable(this.redis.get(name));
    if (!secret) throw new Error('Expected the secret of signed URLs in Redis but found none');
    this.#secret = secret;
    return secret;
  }
}

const BASE = 'http://service.invalid';
