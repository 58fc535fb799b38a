/** Bounds the bytes of uploads that are read and worked on at the same time: they are held in memory until they are stored. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config.js';
import { AppError } from '../errors.js';

declare module 'fastify' {
  interface FastifyInstance {
    uploads: UploadRoom;
  }
}

export class UploadRoom {
  #taken = 0;
  readonly #bytes: number;
  /** Of one upload. */
  readonly #most: number;

  constructor(config: Pick<Config, 'uploadBytes' | 'maxUploadBytes' | 'maxPhotos'>) {
    this.#bytes = config.uploadBytes;
    this.#most = config.maxPhotos * config.maxUploadBytes;
  }

  /** Bytes that are being taken in. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Keeps room for a request until it is answered or gone, before anything of its body is read. Throws BUSY where there is none;
   * one upload alone always has room.
   */
  enter({ headers }: FastifyRequest, reply: FastifyReply): void {
    // What does not say its length may have the most; what says more is cut off there.
    const bytes = Math.min(Number(headers['content-length'] ?? this.#most), this.#most);
    if (this.#taken > 0 && this.#taken + bytes > this.#bytes)
      throw new AppError('BUSY', { detail: 'Too many uploads are being taken in; try again in a moment.' });
    this.#taken += bytes;
    reply.raw.once('close', () => {
      this.#taken -= bytes;
    });
  }
}
