/** Sends a request until there is an answer that is worth having. */
import { errorOf, LatentmorphError } from './error.js';

export interface Sent {
  method: string;
  url: string;
  headers: Headers;
  body: FormData | Blob | string | undefined;
  /** May be sent again although the service may have acted on it already. */
  isRepeatable: boolean;
  /** Statuses that are answers, beside 2xx. */
  answers: readonly number[];
  signal: AbortSignal | undefined;
}

export interface Transport {
  fetch: typeof fetch;
  /** Most times that a request is sent again. */
  retries: number;
}

/** Milliseconds before the first repetition; doubled with each. */
const FIRST_PAUSE = 250;
/** Seconds: who is asked to wait longer hears of it instead. */
const LONGEST_PAUSE = 60;

/** Refusals before anything was done. */
const REFUSED = new Set(['RATE_LIMITED', 'BUSY', 'IDEMPOTENCY_IN_FLIGHT']);

/** What `read` makes of the answer. Throws LatentmorphError, and the reason of the signal when it aborts. */
export async function send<T>(
  transport: Transport,
  request: Sent,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  const { method, url, headers, body, signal } = request;
  for (let attempts = 1; ; attempts++) {
    signal?.throwIfAborted();
    let error: LatentmorphError;
    try {
      const response = await transport.fetch(url, { method, headers, body, signal });
      if (response.ok || request.answers.includes(response.status)) return await read(response);
      error = await errorOf(response, attempts);
    } catch (cause) {
      signal?.throwIfAborted();
      const message = `No answer to ${method} ${url.split('?')[0]}.`;
      error = new LatentmorphError('NO_ANSWER', message, { status: 0, attempts }, cause);
    }
    if (attempts > transport.retries || !isWorthRepeating(error, request.isRepeatable)) throw error;
    await pause((error.retryAfter ?? 0) * 1000 || FIRST_PAUSE * 2 ** (attempts - 1), signal);
  }
}

function isWorthRepeating(
  { code, status, retryAfter = 0 }: LatentmorphError,
  isRepeatable: boolean,
): boolean {
  if (retryAfter > LONGEST_PAUSE) return false;
  if (status === 429 || REFUSED.has(code)) return true;
  return isRepeatable && (code === 'NO_ANSWER' || [502, 503, 504].includes(status));
}

/** Resolves after the time; rejects with the reason of the signal. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    if (signal?.aborted) return abort();
    signal?.addEventListener('abort', abort, { once: true });
  });
}
