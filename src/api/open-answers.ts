/** Bounds the answers that an API process keeps open for long: what each holds is held as often as there are clients. */
import type { FastifyReply } from 'fastify';

declare module 'fastify' {
  interface FastifyInstance {
    /** Those that stay open until something happens to an embedding. */
    followers: OpenAnswers;
    /** Animations, whose frames are made while they are sent; of MP4 by a process each. */
    animations: OpenAnswers;
  }
}

export class OpenAnswers {
  #count = 0;

  constructor(readonly most: number) {}

  /** How many are open. */
  get count(): number {
    return this.#count;
  }

  /** Keeps a place for an answer until it is sent or its client gone; false where there is none. */
  enter(reply: FastifyReply): boolean {
    if (this.#count >= this.most) return false;
    this.#count++;
    reply.raw.once('close', () => {
      this.#count--;
    });
    return true;
  }
}
