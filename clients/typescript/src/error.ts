/** What the client throws, apart from the reason of an aborted signal. */
import type { Problem } from './api.js';

/**
 * The codes of the service, and two of the client: `NO_ANSWER`, the connection was lost, and `UNEXPECTED_ANSWER`, something
 * in between answered that is not the service.
 */
export type ErrorCode = Problem['code'] | 'NO_ANSWER' | 'UNEXPECTED_ANSWER';

export interface ErrorFacts {
  /** HTTP status; 0 where there was no answer. */
  status: number;
  detail?: string;
  /** Under this id the request is in the log of the service. */
  requestId?: string;
  /** Seconds after which the service wants to be asked again. */
  retryAfter?: number;
  /** How often the request was made. */
  attempts?: number;
  /** The whole problem document, with the members that some codes add. */
  problem?: Problem;
}

export class LatentmorphError extends Error {
  override readonly name = 'LatentmorphError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly detail: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfter: number | undefined;
  readonly attempts: number;
  readonly problem: Problem | undefined;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = facts.status;
    this.detail = facts.detail;
    this.requestId = facts.requestId;
    this.retryAfter = facts.retryAfter;
    this.attempts = facts.attempts ?? 1;
    this.problem = facts.problem;
  }
}

/** The error that an answer stands for. Reads its body. */
export async function errorOf(response: Response, attempts: number): Promise<LatentmorphError> {
  const { status, headers } = response;
  const text = await response.text().catch(() => '');
  const problem = problemIn(text);
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  const facts: ErrorFacts = {
    status,
    attempts,
    requestId: problem?.instance ?? headers.get('x-request-id') ?? undefined,
    retryAfter: Number.isFinite(seconds) ? seconds : undefined,
  };
  if (!problem) {
    const message = `Expected an answer of latentmorph but received status ${status} with ${JSON.stringify(text.slice(0, 100))}.`;
    return new LatentmorphError('UNEXPECTED_ANSWER', message, facts);
  }
  const { code, title, detail } = problem;
  return new LatentmorphError(code, detail ?? title, { ...facts, detail, problem });
}

function problemIn(text: string): Problem | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'code' in value ? (value as Problem) : undefined;
  } catch {
    return undefined;
  }
}
