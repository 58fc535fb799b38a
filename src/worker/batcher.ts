/** Lets the chunks of several jobs take their steps in one engine call. */
import { BATCH_SIZES, type BatchSize } from '../config.js';
import { kindOf, type ProjectChunk, type ProjectChunkResult } from '../engine/protocol.js';
import type { Engine } from './engine-client.js';

export interface BatcherOptions {
  /** Most photos of one call. */
  limit: BatchSize;
  /**
   * How long, after a call, the next one waits for the jobs that were just served to come back, once they have stored
   * their previews. A call takes many times as long.
   */
  gatherMs?: number;
  /** Called when `limit` was lowered, since a batch failed although each of its photos could be served alone. */
  onShrink?: (limit: BatchSize, error: unknown) => void;
}

interface Waiting {
  chunk: ProjectChunk;
  resolve: (result: ProjectChunkResult) => void;
  reject: (error: unknown) => void;
  signal: AbortSignal;
}

/**
 * One project call is under way at a time. It serves whoever waited longest and, with it, as many others of its kind as
 * make up a batch, again oldest first: a chunk that fits no other waits for no more than those that asked before it.
 * Between two calls the engine serves what else the jobs have asked of it meanwhile.
 */
export class Batcher {
  readonly #engine: Pick<Engine, 'call'>;
  readonly #gatherMs: number;
  readonly #onShrink: BatcherOptions['onShrink'];
  /** Oldest first. */
  #waiting: Waiting[] = [];
  #serving = false;
  #arrived: () => void = () => undefined;
  #limit: BatchSize;

  constructor(engine: Pick<Engine, 'call'>, { limit, gatherMs = 25, onShrink }: BatcherOptions) {
    this.#engine = engine;
    this.#limit = limit;
    this.#gatherMs = gatherMs;
    this.#onShrink = onShrink;
  }

  get limit(): BatchSize {
    return this.#limit;
  }

  /** Holds from the next call on. */
  set limit(limit: BatchSize) {
    this.#limit = limit;
  }

  /**
   * Takes the steps of a chunk, possibly fewer than it asks for: `losses` says how many. Rejects with the signal's reason
   * as soon as it aborts; the other photos of the call go on unheeded.
   */
  project(chunk: ProjectChunk, signal: AbortSignal): Promise<ProjectChunkResult> {
    return new Promise<ProjectChunkResult>((resolve, reject) => {
      const one: Waiting = { chunk, resolve, reject, signal };
      const leave = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== one);
        reject(signal.reason);
      };
      if (signal.aborted) return leave();
      signal.addEventListener('abort', leave, { once: true });
      const settled = <T>(settle: (value: T) => void) => {
        return (value: T): void => {
          signal.removeEventListener('abort', leave);
          settle(value);
        };
      };
      one.resolve = settled(resolve);
      one.reject = settled(reject);
      this.#waiting.push(one);
      this.#arrived();
      void this.#serveAll();
    });
  }

  async #serveAll(): Promise<void> {
    if (this.#serving) return;
    this.#serving = true;
    while (this.#waiting.length > 0) {
      const batch = this.#choose();
      this.#waiting = this.#waiting.filter((one) => !batch.includes(one));
      await this.#serve(batch);
      await this.#gather(batch.length);
    }
    this.#serving = false;
  }

  /** The batch that would be served now; none when nobody waits. */
  #choose(): Waiting[] {
    const [oldest] = this.#waiting;
    const alike = oldest ? this.#waiting.filter((one) => kindOf(one.chunk) === kindOf(oldest.chunk)) : [];
    const size = BATCH_SIZES.findLast((n) => n <= Math.min(this.#limit, alike.length));
    return alike.slice(0, size);
  }

  async #serve(batch: readonly Waiting[]): Promise<void> {
    try {
      const results = await this.#engine.call(
        'project',
        batch.map(({ chunk }) => chunk),
      );
      for (const [i, { resolve }] of batch.entries()) resolve(results[i]!);
    } catch (error) {
      if (batch.length === 1) batch[0]!.reject(error);
      else await this.#serveEach(batch, error);
    }
  }

  /** After a batch has failed: the photo that is to blame must not fail the others; or none is, and it was too large. */
  async #serveEach(batch: readonly Waiting[], error: unknown): Promise<void> {
    let failures = 0;
    for (const one of batch) {
      if (one.signal.aborted) continue;
      const reject = (reason: unknown): void => {
        failures++;
        one.reject(reason);
      };
      await this.#serve([{ ...one, reject }]);
    }
    const smaller = BATCH_SIZES.findLast((n) => n < batch.length);
    if (failures > 0 || !smaller || this.#limit <= smaller) return;
    this.#limit = smaller;
    this.#onShrink?.(smaller, error);
  }

  /** Resolves when a full batch waits or as many have come as the last call served, at the latest after `gatherMs`. */
  #gather(served: number): Promise<void> {
    return new Promise((resolve) => {
      let missing = served;
      const look = (): void => {
        if (missing > 0 && this.#choose().length < this.#limit) return;
        clearTimeout(timer);
        this.#arrived = () => undefined;
        resolve();
      };
      const timer = setTimeout(() => {
        missing = 0;
        look();
      }, this.#gatherMs);
      this.#arrived = () => {
        missing--;
        look();
      };
      look();
    });
  }
}
