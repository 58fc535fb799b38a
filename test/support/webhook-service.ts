/** The sending side of webhooks on the Redis of a test app, with a clock and a chance of the test's own. */
import { Outbox } from '../../src/store/outbox.js';
import { WebhookDeliveries } from '../../src/store/webhook-deliveries.js';
import { Webhooks } from '../../src/store/webhooks.js';
import { Dispatcher, type DispatcherDeps } from '../../src/webhooks/dispatcher.js';
import { fanOut } from '../../src/webhooks/fan-out.js';
import { safeAgent } from '../../src/webhooks/safe-agent.js';
import type { TestApp } from './app.js';

export class WebhookService {
  readonly webhooks: Webhooks;
  readonly deliveries: WebhookDeliveries;
  readonly outbox: Outbox;
  readonly dispatcher: Dispatcher;
  readonly deps: DispatcherDeps;
  readonly errors: unknown[] = [];
  #offset = 0;
  readonly #end = new AbortController();

  constructor(
    readonly app: TestApp,
    overrides: Partial<DispatcherDeps> = {},
    outboxLeaseMs?: number,
  ) {
    const { redis, deps } = app;
    const prefix = deps.config.keyPrefix;
    this.webhooks = new Webhooks(redis, prefix, this.now);
    this.deliveries = new WebhookDeliveries(redis, prefix, this.now);
    this.outbox = new Outbox(redis, prefix, outboxLeaseMs);
    this.deps = {
      webhooks: this.webhooks,
      deliveries: this.deliveries,
      records: deps.records,
      dispatcher: safeAgent({ allowPrivate: true, connectTimeoutMs: 2_000 }),
      allowPrivate: true,
      timeoutMs: 2_000,
      now: this.now,
      // The middle of the jitter: none.
      random: () => 0.5,
      onError: (error) => this.errors.push(error),
      ...overrides,
    };
    this.dispatcher = new Dispatcher(this.deps);
  }

  /** The true time, so that receivers find signatures fresh, and what the test has let pass. */
  readonly now = (): Date => new Date(Date.now() + this.#offset);

  /** Lets time pass, for this side only. */
  pass(ms: number): void {
    this.#offset += ms;
  }

  /** Passes on what has ended and sends what is due. */
  async round(): Promise<void> {
    await fanOut(this, this.#end.signal);
    await this.dispatcher.run(this.#end.signal);
  }
}
