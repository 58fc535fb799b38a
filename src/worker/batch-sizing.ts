/** How many photos a worker projects at a time: as it was told, or what its device does fastest. */
import { BATCH_SIZES, type BatchSetting, type BatchSize } from '../config.js';
import type { BatchInfo } from '../store/workers.js';
import type { Engine } from './engine-client.js';

/** Photos at a time on a GPU, which single photos leave idle. */
const ON_GPU: BatchSize = 8;
/** Each doubling makes a photo wait longer and takes twice the memory: it must save this share of a photo's time. */
const WORTH = 0.05;
/** Jobs after which a worker measures in any case, although its queue was never empty. */
const BUSY_JOBS = 8;
/** Milliseconds without a job after which the next one is not thought to come soon: a measurement takes some 45 s. */
const IDLE_MS = 60_000;

export interface BatchSizingOptions {
  setting: BatchSetting;
  device: 'cpu' | 'cuda';
  /** Called with every choice, the first one included. */
  onChoice: (choice: BatchInfo) => void;
  onError: (error: unknown) => void;
}

/**
 * On a CPU `auto` is decided by measurement, once for each kind of machine, and until then photos are projected one by one:
 * a worker that has nothing to go by finishes its first job, and measures when no job has come for a minute.
 */
export class BatchSizing {
  readonly #engine: Pick<Engine, 'call'>;
  readonly #options: BatchSizingOptions;
  #unmeasured = false;
  #jobs = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(engine: Pick<Engine, 'call'>, options: BatchSizingOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  /** Makes the first choice, from what is known already. */
  async begin(): Promise<void> {
    const { setting, device, onChoice } = this.#options;
    if (setting !== 'auto') return onChoice({ size: setting, why: 'set', speeds: [] });
    if (device === 'cuda') return onChoice({ size: ON_GPU, why: 'gpu', speeds: [] });
    const known = await this.#climb(true);
    this.#unmeasured = known === undefined;
    onChoice(known ?? { size: 1, why: 'unmeasured', speeds: [] });
  }

  /** A job begins. */
  jobBegan(): void {
    clearTimeout(this.#idle);
  }

  /** A job has ended. */
  jobEnded(): void {
    this.#jobs++;
    if (this.#jobs >= BUSY_JOBS) void this.#measure();
  }

  /** No job waits. */
  idle(): void {
    if (this.#jobs === 0 || !this.#unmeasured) return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => void this.#measure(), IDLE_MS).unref();
  }

  async #measure(): Promise<void> {
    if (!this.#unmeasured) return;
    this.#unmeasured = false;
    try {
      const choice = await this.#climb(false);
      if (choice) this.#options.onChoice(choice);
    } catch (error) {
      this.#options.onError(error);
    }
  }

  /** Doubles the batch as long as that is worth it. Undefined when something that it needs is not `known`. */
  async #climb(known: boolean): Promise<BatchInfo | undefined> {
    const speeds: BatchInfo['speeds'] = [];
    let [size, share]: [BatchSize, number] = [1, 1];
    for (const batch of BATCH_SIZES.slice(1)) {
      const speed = await this.#engine.call('batchSpeed', { batch, known });
      if (!speed && known) return undefined;
      if (!speed) break;
      speeds.push({ batch, ...speed });
      const now = speed.together / speed.alone;
      if (now > (1 - WORTH) * share) break;
      [size, share] = [batch, now];
    }
    return { size, why: 'measured', speeds };
  }
}
