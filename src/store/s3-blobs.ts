/** Blobs as objects of a bucket of S3, or of a server that speaks its protocol. */
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { checkedKey, folderOf, outOfReach } from './blob-checks.js';
import type { StoredBlob, SweptBlobStore } from './blobs.js';
import { type Listed, outsideLimits, type SweepLimits, type Swept } from './sweep.js';

export interface S3BlobsDeps {
  client: S3Client;
  bucket: string;
  /** Before every key: empty, or with a closing slash. */
  prefix: string;
  /** Milliseconds that one request may take, its retries included. */
  timeoutMs?: number;
}

/** Enough for the largest photo on a slow line; a request that waits for a morph gives up about then. */
const TIMEOUT_MS = 30_000;
/** What S3 takes in one deletion, and lists on one page. */
const PAGE = 1_000;
/** Keys that an error of a deletion names. */
const NAMED = 5;

/** The bucket must not keep old versions, or deleted photos stay in it. */
export class S3BlobStore implements SweptBlobStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #timeoutMs: number;

  constructor({ client, bucket, prefix, timeoutMs = TIMEOUT_MS }: S3BlobsDeps) {
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#timeoutMs = timeoutMs;
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const command = new PutObjectCommand({ ...this.#object(key), Body: bytes, ContentLength: bytes.length });
    await this.#client.send(command, this.#within()).catch(outOfReach);
  }

  async get(key: string): Promise<Buffer | undefined> {
    const command = new GetObjectCommand(this.#object(key));
    try {
      const { Body } = await this.#client.send(command, this.#within());
      return await buffer(Body as Readable);
    } catch (error) {
      return undefinedWhenMissing(error);
    }
  }

  async has(key: string): Promise<boolean> {
    const command = new HeadObjectCommand(this.#object(key));
    const found = await this.#client.send(command, this.#within()).catch(undefinedWhenMissing);
    return found !== undefined;
  }

  async delete(key: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand(this.#object(key)), this.#within()).catch(outOfReach);
  }

  async deletePrefix(prefix: string): Promise<void> {
    const folder = `${checkedKey(folderOf(prefix))}/`;
    const failures: string[] = [];
    for await (const page of this.#pages(folder))
      failures.push(...(await this.#deleteAll(page.map(({ key }) => key))));
    refuse(failures);
  }

  async sweep(prefix: string, limits: SweepLimits): Promise<Swept> {
    const folder = `${checkedKey(folderOf(prefix))}/`;
    const listed: Listed[] = [];
    for await (const page of this.#pages(folder, '/')) listed.push(...page);
    const { keys, bytes } = outsideLimits(listed, limits);
    const failures: string[] = [];
    for (let i = 0; i < keys.length; i += PAGE)
      failures.push(...(await this.#deleteAll(keys.slice(i, i + PAGE))));
    refuse(failures);
    return { deleted: keys.length, bytes };
  }

  async *list(): AsyncGenerator<StoredBlob> {
    for await (const page of this.#pages(''))
      for (const { key, age } of page)
        yield { key: key.slice(this.#prefix.length), age, isUnfinished: false };
  }

  /** A bucket shows nothing before it is whole. */
  async deleteUnfinished(): Promise<void> {}

  /** Objects below a folder, page by page; with a delimiter only those right below it. Their keys are whole. */
  async *#pages(folder: string, delimiter?: '/'): AsyncGenerator<Listed[]> {
    let token: string | undefined;
    do {
      const command = new ListObjectsV2Command({
        Bucket: this.#bucket,
        Prefix: this.#prefix + folder,
        MaxKeys: PAGE,
        ...(delimiter && { Delimiter: delimiter }),
        ...(token && { ContinuationToken: token }),
      });
      const { Contents = [], NextContinuationToken } = await this.#client
        .send(command, this.#within())
        .catch(outOfReach);
      const now = Date.now();
      yield Contents.map(({ Key = '', Size = 0, LastModified }) => ({
        key: Key,
        bytes: Size,
        age: LastModified ? now - LastModified.getTime() : 0,
      }));
      token = NextContinuationToken;
    } while (token);
  }

  /** Deletes at most a page of objects; tells which of them could not be deleted, and why. */
  async #deleteAll(keys: readonly string[]): Promise<string[]> {
    if (keys.length === 0) return [];
    const command = new DeleteObjectsCommand({
      Bucket: this.#bucket,
      Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: true },
    });
    const { Errors = [] } = await this.#client.send(command, this.#within()).catch(outOfReach);
    return Errors.map(({ Key, Code, Message }) => `${Key}: ${Code} ${Message ?? ''}`.trimEnd());
  }

  #object(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + checkedKey(key) };
  }

  #within(): { abortSignal: AbortSignal } {
    return { abortSignal: AbortSignal.timeout(this.#timeoutMs) };
  }
}

/** What was not deleted is left for another try: the caller hears of it after all the rest has gone. */
function refuse(failures: readonly string[]): void {
  if (failures.length === 0) return;
  const named = failures.slice(0, NAMED).join('; ');
  outOfReach(new Error(`${failures.length} objects were not deleted: ${named}`));
}

function undefinedWhenMissing(error: unknown): undefined {
  const missing = error instanceof S3ServiceException && ['NoSuchKey', 'NotFound'].includes(error.name);
  if (!missing) outOfReach(error);
}
