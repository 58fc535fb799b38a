/** Keeps the steps of the variants at hand open: opening one takes seconds, and photos of a batch come and go. */
import type { UsedDevice } from './session.js';
import type { StepVariant } from './step-model.js';
import type { Stepper } from './stepper.js';

interface Kept {
  key: string;
  batch: number;
  stepper: Stepper;
}

const keyOf = ({ space, styles, judgedAt, batch, lpips = false }: StepVariant): string =>
  `${space} ${styles} ${judgedAt} ${batch} ${lpips}`;

/**
 * The memory of a stepper grows with its batch. Those used last stay, as many as hold 3B - 1 photos together, B being
 * the largest batch so far: both judged sides of B (2B) and every smaller batch at one side (1 + 2 + ... + B/2 = B - 1).
 */
export class Steppers {
  readonly #open: (variant: StepVariant) => Promise<Stepper>;
  /** The one used last comes first. */
  #kept: Kept[] = [];
  #largest = 1;

  constructor(open: (variant: StepVariant) => Promise<Stepper>) {
    this.#open = open;
  }

  /** Device of the steps used last; undefined before the first. */
  get device(): UsedDevice | undefined {
    return this.#kept[0]?.stepper.device;
  }

  /** The steps of a variant, opened when they are not. They are good until the next call. */
  async get(variant: StepVariant): Promise<Stepper> {
    const { batch } = variant;
    this.#largest = Math.max(this.#largest, batch);
    const key = keyOf(variant);
    const known = this.#kept.find((one) => one.key === key);
    if (known) {
      this.#kept = [known, ...this.#kept.filter((one) => one !== known)];
      return known.stepper;
    }
    // Room is made first, so that the memory is free when the new one asks for it.
    await this.#keepFirst(3 * this.#largest - 1 - batch);
    const stepper = await this.#open(variant);
    this.#kept = [{ key, batch, stepper }, ...this.#kept];
    return stepper;
  }

  /** Keeps the steps used last that hold at most `photos` together, and releases all others. */
  async #keepFirst(photos: number): Promise<void> {
    let room = photos;
    const stays = ({ batch }: Kept): boolean => {
      room -= batch;
      return room >= 0;
    };
    const staying = this.#kept.filter(stays);
    const leaving = this.#kept.filter((one) => !staying.includes(one));
    this.#kept = staying;
    for (const { stepper } of leaving) await stepper.release();
  }
}
