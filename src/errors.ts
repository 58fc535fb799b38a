/**
 * Every error the service can answer with: stable code, HTTP status, whether a retry can help, public title.
 * Clients switch on `code`; titles may be reworded. Public text never holds a path, a stack or a secret.
 */
export const ERRORS = {
  BAD_REQUEST: { status: 400, retryable: false, title: 'The request is not valid.' },
  UNAUTHORIZED: { status: 401, retryable: false, title: 'A valid API key is needed.' },
  FORBIDDEN: { status: 403, retryable: false, title: 'This is not allowed.' },
  SIGNATURE_INVALID: { status: 403, retryable: false, title: 'The signature does not fit the URL.' },
  SIGNATURE_EXPIRED: { status: 403, retryable: false, title: 'The signed URL is no longer valid.' },
  RATE_LIMITED: { status: 429, retryable: true, title: 'Too many requests in a minute.' },
  QUOTA_EXCEEDED: { status: 429, retryable: true, title: 'The daily quota is used up.' },
  IMAGE_MISSING: { status: 400, retryable: false, title: 'No photo was sent.' },
  IMAGE_UNSUPPORTED: {
    status: 415,
    retryable: false,
    title: 'The photo is in a format that is not supported.',
  },
  IMAGE_UNREADABLE: { status: 422, retryable: false, title: 'The photo cannot be decoded.' },
  IMAGE_TOO_LARGE: { status: 413, retryable: false, title: 'The photo is too large.' },
  FACE_NOT_FOUND: { status: 422, retryable: false, title: 'No face was found in the photo.' },
  NOT_FOUND: { status: 404, retryable: false, title: 'There is nothing at this address.' },
  METHOD_NOT_ALLOWED: { status: 405, retryable: false, title: 'This address does not take this method.' },
  EMBEDDING_NOT_FOUND: { status: 404, retryable: false, title: 'There is no embedding with this id.' },
  IMAGE_NOT_READY: {
    status: 409,
    retryable: true,
    title: 'This image of the embedding does not exist (yet).',
  },
  EMBEDDING_NOT_READY: { status: 409, retryable: true, title: 'The embedding has no latent (yet).' },
  EMBEDDING_FINISHED: { status: 409, retryable: false, title: 'The embedding has finished already.' },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    retryable: false,
    title: 'The Idempotency-Key was used for another request.',
  },
  IDEMPOTENCY_IN_FLIGHT: {
    status: 409,
    retryable: true,
    title: 'A request with this Idempotency-Key is still being answered.',
  },
  WEBHOOK_NOT_FOUND: { status: 404, retryable: false, title: 'There is no webhook with this id.' },
  DELIVERY_NOT_FOUND: {
    status: 404,
    retryable: false,
    title: 'The webhook has no delivery with this id.',
  },
  WEBHOOK_URL_REFUSED: { status: 422, retryable: false, title: 'Nothing can be sent to this URL.' },
  WEBHOOK_LIMIT: { status: 409, retryable: false, title: 'There are as many webhooks as there may be.' },
  WEBHOOK_DISABLED: { status: 409, retryable: false, title: 'The webhook is disabled.' },
  FORMAT_UNAVAILABLE: { status: 501, retryable: false, title: 'This service cannot make this format.' },
  GENERATOR_MISMATCH: { status: 409, retryable: false, title: 'The latents belong to different generators.' },
  ORIGINAL_NOT_KEPT: { status: 409, retryable: false, title: 'The photo of the embedding was not kept.' },
  LATENT_DIVERGED: { status: 500, retryable: false, title: 'The projection diverged.' },
  ENGINE_FAILED: { status: 500, retryable: true, title: 'The inference engine failed.' },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    retryable: false,
    title: 'The request body has the wrong media type.',
  },
  PAYLOAD_TOO_LARGE: { status: 413, retryable: false, title: 'The request body is too large.' },
  BUSY: { status: 503, retryable: true, title: 'The service is busy.' },
  UNAVAILABLE: { status: 503, retryable: true, title: 'A part of the service is out of reach.' },
  INTERNAL: { status: 500, retryable: true, title: 'Something went wrong on our side.' },
} as const satisfies Record<string, { status: number; retryable: boolean; title: string }>;

export type ErrorCode = keyof typeof ERRORS;

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
    this.retryAfter = options.retryAfter ?? RETRY_AFTER;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}
