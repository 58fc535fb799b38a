/** What is thrown on purpose, and shown to clients. */
import { ERRORS, type ErrorCode } from './error-codes.js';

export { ERRORS, type ErrorCode };

/** Seconds after which to ask again where nothing better is known. */
const RETRY_AFTER = 2;

/** What an `AppError` may carry beside its code. `detail` and `extra` are public; `cause` is for the log only. */
export interface AppErrorOptions {
  /** One public sentence: what was received, what was expected, what to do. */
  detail?: string;
  /** Public members added to the problem document, e.g. `{ state: 'running' }`. */
  extra?: Record<string, unknown>;
  /** With a status of 429 or 503: seconds after which to ask again. */
  retryAfter?: number;
  cause?: unknown;
}

/** An error with a public face. Three places catch it: the HTTP error handler, the job boundary, the process. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly extra: Record<string, unknown>;
  readonly retryAfter: number;

  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    super(options.detail ?? ERRORS[code].title, { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.detail = options.detail;
    this.extra = options.extra ?? {};
    const { retryAfter = RETRY_AFTER }: { status: number; retryAfter?: number } = ERRORS[code];
    this.retryAfter = options.retryAfter ?? retryAfter;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}
