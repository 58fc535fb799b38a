/** Sends what is due: many deliveries at a time, few to one endpoint. Any number of processes may do it. */
import type { Claim, WebhookDeliveries } from '../store/webhook-deliveries.js';
import { type AttemptDeps, attempt } from './attempt.js';

export interface DispatcherDeps extends AttemptDeps {
  deliveries: Pick<WebhookDeliveries, 'find' | 'finish' | 'claim'>;
  /** Hears of attempts that could not be written down; their deliveries are done again when the lease ends. */
  onError: (error: unknown) => void;
}

/** Deliveries in flight in this process, and those of one endpoint among them. */
const MAX_IN_FLIGHT = 32;
const MAX_PER_ENDPOINT = 4;
/** Milliseconds between looks for what has become due while something is in flight. */
const LOOK_EVERY_MS = 250;

export class Dispatcher {
  readonly #inFlight = new Map<Promise<void>, string>();

  constructor(private readonly deps: DispatcherDeps) {}

  /** Sends until nothing is due and nothing in flight. Once the signal aborts nothing new is begun. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        const claims = await this.#claim();
        for (const claim of claims) this.#begin(claim);
        if (claims.length > 0) continue;
        if (this.#inFlight.size === 0) return;
        await this.#next();
      }
    } finally {
      await Promise.all(this.#inFlight.keys());
    }
  }

  async #claim(): Promise<Claim[]> {
    const free = MAX_IN_FLIGHT - this.#inFlight.size;
    if (free === 0) return [];
    const counts = new Map<string, number>();
    for (const webhook of this.#inFlight.values()) counts.set(webhook, (counts.get(webhook) ?? 0) + 1);
    const busy = [...counts].flatMap(([webhook, count]) => (count >= MAX_PER_ENDPOINT ? [webhook] : []));
    return this.deps.deliveries.claim(free, busy);
  }

  #begin(claim: Claim): void {
    const work = attempt(this.deps, claim)
      .then(() => undefined)
      .catch(this.deps.onError)
      .finally(() => this.#inFlight.delete(work));
    this.#inFlight.set(work, claim.webhook);
  }

  /** Waits until one in flight has ended, or something may have become due. */
  async #next(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const pause = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LOOK_EVERY_MS);
    });
    await Promise.race([pause, ...this.#inFlight.keys()]);
    clearTimeout(timer);
  }
}
