/** One request to an endpoint, and what is told of its answer. */
import { type Dispatcher, request } from 'undici';
import type { Failure } from '../store/webhook-deliveries.js';
import { AddressNotAllowed } from './safe-agent.js';

/** Bytes of an answer that are read, for the sake of the connection, before they are dropped. */
const READ_BYTES = 4_096;

export interface Answer {
  /** None when there was no answer. */
  status?: number;
  /** Undefined: it succeeded. */
  failure?: Failure;
  retryAfter?: string;
}

/** Posts a JSON text. Never throws: whatever goes wrong is an answer. Redirects are not followed. */
export async function post(
  { dispatcher, timeoutMs }: { dispatcher: Dispatcher; timeoutMs: number },
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<Answer> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await request(url, { dispatcher, signal, method: 'POST', headers, body });
    // The answer is the status; a body that stalls or breaks off changes nothing of it.
    await answer.body.dump({ limit: READ_BYTES, signal }).catch(() => undefined);
    const retryAfter = answer.headers['retry-after'];
    return {
      status: answer.statusCode,
      ...judged(answer.statusCode),
      ...(typeof retryAfter === 'string' && { retryAfter }),
    };
  } catch (error) {
    return { failure: signal.aborted ? 'timed-out' : failureOf(error) };
  }
}

function judged(status: number): { failure?: Failure } {
  if (status >= 200 && status < 300) return {};
  return { failure: status >= 300 && status < 400 ? 'redirect' : 'status' };
}

const TIMED_OUT = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
]);

/** Node's own codes would tell a tenant about the network that the service is in. */
function failureOf(error: unknown): Failure {
  if (error instanceof AddressNotAllowed) return 'address-not-allowed';
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (TIMED_OUT.has(code)) return 'timed-out';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'name-not-found';
  if (/^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO)/.test(code)) return 'tls-failed';
  return 'connection-failed';
}
