/** A listening app for requests that no well-meaning client sends, and what must hold after each of them. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { detection, startApp, type TestApp } from './app.js';
import { SMALL_PHOTO } from './photos.js';
import { startRedis, type TestRedis } from './redis.js';

export class HostileApp {
  private constructor(
    readonly service: TestApp,
    readonly port: number,
    readonly jpeg: Buffer,
  ) {}

  static async start(redisUrl: string): Promise<HostileApp> {
    const service = await startApp(redisUrl);
    service.serveRenders(async () => detection(1));
    await service.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = service.app.server.address() as AddressInfo;
    return new HostileApp(service, port, await readFile(SMALL_PHOTO));
  }

  async open(): Promise<Socket> {
    const socket = connect(this.port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }

  /** Sends raw bytes and returns everything that comes back. */
  async exchange(...pieces: (string | Buffer)[]): Promise<string> {
    const socket = await this.open();
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    for (const piece of pieces) socket.write(piece);
    await once(socket, 'close');
    return Buffer.concat(chunks).toString('latin1');
  }

  /** Status and code of the answer to a body of this type. */
  async post(type: string, body: Buffer): Promise<{ status: number; code: string | undefined }> {
    return answered(await this.exchange(head(type, body.length), body));
  }

  /** Nothing was stored, no temporary file is left, no room of uploads is taken, and the next photo is accepted. */
  async isWell(): Promise<void> {
    const { service, jpeg } = this;
    await expect.poll(() => service.blobFiles()).toEqual([]);
    await expect.poll(() => service.app.uploads.taken).toBe(0);
    const form = new FormData();
    form.append('image', new Blob([Uint8Array.from(jpeg)]), 'photo.jpg');
    expect((await service.post(form)).statusCode).toBe(202);
  }
}

export function answered(text: string): { status: number; code: string | undefined } {
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]),
    code: /"code":"([A-Z_]+)"/.exec(text)?.[1],
  };
}

export const head = (type: string, length: number | 'chunked'): string =>
  `POST /embeddings HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: ${type}\r\n${
    length === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${length}`
  }\r\n\r\n`;

export const filePart = (boundary: string, name: string, content: Buffer | string): Buffer =>
  Buffer.concat([
    Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="${name}"; filename="f.jpg"\r\n\r\n`),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ]);

/** One Redis for the file; for each test an app of its own, which must be well after it. */
export function eachTestOnHostileApp(begin: (app: HostileApp) => void): void {
  let server: TestRedis;
  let app: HostileApp;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    app = await HostileApp.start(server.url);
    begin(app);
  });
  afterEach(async () => {
    await app.isWell();
    await app.service.close();
  });
}
