/** Requests of a client that knows several addresses of a service and takes no answer for an answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet } from '../../test/support/fleet/fleet.js';
import type { Ledger } from './ledger.js';

/** Longer than any answer takes that comes at all. */
const TIMEOUT_MS = 40_000;
const PAUSE_MS = 300;

export interface Answer {
  status: number;
  /** The code of a problem. */
  code: string | undefined;
  bytes: Buffer;
  json: () => Record<string, unknown>;
}

export class Http {
  constructor(
    private readonly fleet: Fleet,
    private readonly ledger: Ledger,
    private readonly random: () => number,
    /** Ends whatever is still being asked for. */
    private readonly end: AbortSignal,
  ) {}

  /** One try, at one of the APIs that run; undefined without an answer. */
  async once(path: string, init: RequestInit = {}): Promise<Answer | undefined> {
    const live = this.fleet.urls.filter((_, i) => this.fleet.apis[i]!.running);
    const url = live[Math.floor(this.random() * live.length)];
    if (!url) return undefined;
    const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), this.end]);
    const begun = performance.now();
    const { during } = this.ledger;
    try {
      const response = await fetch(url + path, { ...init, signal });
      const bytes = Buffer.from(await response.arrayBuffer());
      const isStatus = (init.method ?? 'GET') === 'GET' && /^\/embeddings\/[^/]+$/.test(path);
      if (isStatus) this.ledger.statusReads.push({ ms: performance.now() - begun, during });
      const isJson = /json/.test(response.headers.get('content-type') ?? '');
      const json = (): Record<string, unknown> => JSON.parse(bytes.toString());
      const code = isJson && response.status >= 400 ? String(json().code) : undefined;
      this.ledger.answered(response.status, code);
      return { status: response.status, code, bytes, json };
    } catch {
      return undefined;
    }
  }

  /** Asks until there is an answer that another try will not better. Undefined when the run has ended. */
  async until(path: string, init: RequestInit = {}): Promise<Answer | undefined> {
    while (!this.end.aborted) {
      const answer = await this.once(path, init);
      const isFinal =
        answer && answer.status < 500 && answer.status !== 429 && answer.code !== 'IDEMPOTENCY_IN_FLIGHT';
      // What is damaged stays so: it is the service's last word, and for the verdict to judge.
      if (answer && (isFinal || answer.code === 'BLOB_DAMAGED')) return answer;
      await sleep(PAUSE_MS * (0.5 + this.random()));
    }
    return undefined;
  }
}
