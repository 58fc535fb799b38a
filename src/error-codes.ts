/** Registry of the errors: a row each. `npm run errors` writes docs/errors.md from it. */

interface ErrorFacts {
  /** Of HTTP. */
  status: number;
  /** Whether the same request can succeed later. */
  retryable: boolean;
  /** One public sentence, which may be reworded. */
  title: string;
  /** Cause, and what to do: for docs/errors.md, which `npm run errors` writes. Markdown. */
  meaning: string;
  /** Seconds after which to ask again where nothing better is known; left out: 2. */
  retryAfter?: number;
}

/**
 * Every error the service can answer with. Clients switch on the code, which never changes its meaning. Public text never
 * holds a path, a stack or a secret.
 */
export const ERRORS = {
  BAD_REQUEST: {
    status: 400,
    retryable: false,
    title: 'The request is not valid.',
    meaning: 'A parameter, field or the body is wrong; `detail` says what was expected.',
  },
  UNAUTHORIZED: {
    status: 401,
    retryable: false,
    title: 'A valid API key is needed.',
    meaning: 'No key was sent, or one that is unknown or was revoked; send `Authorization: Bearer lm_...`.',
  },
  FORBIDDEN: {
    status: 403,
    retryable: false,
    title: 'This is not allowed.',
    meaning:
      'The key may not do this, or a service without keys was called from elsewhere; `detail` says which.',
  },
  SIGNATURE_INVALID: {
    status: 403,
    retryable: false,
    title: 'The signature does not fit the URL.',
    meaning: 'The URL was changed after it was signed, or its key was revoked; have a new one signed.',
  },
  SIGNATURE_EXPIRED: {
    status: 403,
    retryable: false,
    title: 'The signed URL is no longer valid.',
    meaning: 'The signed URL is no longer valid; have a new one signed.',
  },
  RATE_LIMITED: {
    status: 429,
    retryable: true,
    title: 'Too many requests in a minute.',
    meaning:
      'The key has made too many requests in this minute; `Retry-After` says when the next one passes.',
  },
  QUOTA_EXCEEDED: {
    status: 429,
    retryable: true,
    title: 'The daily quota is used up.',
    meaning:
      "The tenant's embeddings have used up the device seconds of this day (UTC); `used` and `allowed` say how many, `Retry-After` when the next one begins.",
  },
  QUEUE_FULL: {
    status: 429,
    retryable: true,
    title: 'Too many embeddings are unfinished.',
    meaning:
      'As many embeddings of the tenant wait or run as may; `unfinished` and `allowed` say how many. Wait for `Retry-After`, or cancel some.',
  },
  IMAGE_MISSING: {
    status: 400,
    retryable: false,
    title: 'No photo was sent.',
    meaning: 'The request holds no photo, or an empty one; send it in the field `image`.',
  },
  IMAGE_UNSUPPORTED: {
    status: 415,
    retryable: false,
    title: 'The photo is in a format that is not supported.',
    meaning:
      'The content of the file is not JPEG, PNG, WebP or AVIF, whatever its name; save it as one of these.',
  },
  IMAGE_UNREADABLE: {
    status: 422,
    retryable: false,
    title: 'The photo cannot be decoded.',
    meaning: 'The photo is damaged or cut off; send the whole file again.',
  },
  IMAGE_TOO_LARGE: {
    status: 413,
    retryable: false,
    title: 'The photo is too large.',
    meaning: 'Too many bytes or pixels in one photo; `detail` says how many are taken. Make it smaller.',
  },
  FACE_NOT_FOUND: {
    status: 422,
    retryable: false,
    title: 'No face was found in the photo.',
    meaning:
      'The photo shows no face that can be found; send one that shows a face clearly, upright and not too small.',
  },
  FACE_INDEX_UNKNOWN: {
    status: 422,
    retryable: false,
    title: 'The photo has no face with this index.',
    meaning: '`face` names a face that the photo does not show; `faces` says how many there are.',
  },
  TOO_MANY_FACES: {
    status: 422,
    retryable: false,
    title: 'The photo shows too many faces.',
    meaning: '`face=all` with a photo of more than 16 faces; choose them by index.',
  },
  NOTHING_ACCEPTED: {
    status: 422,
    retryable: false,
    title: 'None of the photos was accepted.',
    meaning: '`partial=true`, and every photo was refused; `problems` tells why, by `index`.',
  },
  NOT_FOUND: {
    status: 404,
    retryable: false,
    title: 'There is nothing at this address.',
    meaning: 'No such route; see `/docs`.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    retryable: false,
    title: 'This address does not take this method.',
    meaning: 'The address takes other methods, which the header `Allow` names; use one of them.',
  },
  EMBEDDING_NOT_FOUND: {
    status: 404,
    retryable: false,
    title: 'There is no embedding with this id.',
    meaning: 'The id was never given out, or the embedding was deleted.',
  },
  IMAGE_NOT_READY: {
    status: 409,
    retryable: true,
    title: 'This image of the embedding does not exist (yet).',
    meaning: 'The embedding has no image of this kind (yet); see `state`.',
  },
  EMBEDDING_NOT_READY: {
    status: 409,
    retryable: true,
    title: 'The embedding has no latent (yet).',
    meaning:
      'Only an embedding that succeeded can be morphed; see `state`, and wait where it is `queued` or `running`.',
  },
  EMBEDDING_FINISHED: {
    status: 409,
    retryable: false,
    title: 'The embedding has finished already.',
    meaning:
      'Only an embedding that is queued or running can be cancelled; `DELETE` removes one that has finished.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    retryable: false,
    title: 'The Idempotency-Key was used for another request.',
    meaning: 'The key came with another body before; send a new key with a new request.',
  },
  IDEMPOTENCY_IN_FLIGHT: {
    status: 409,
    retryable: true,
    title: 'A request with this Idempotency-Key is still being answered.',
    meaning: 'The same request is being worked on; ask again in a moment to get its answer.',
  },
  WEBHOOK_NOT_FOUND: {
    status: 404,
    retryable: false,
    title: 'There is no webhook with this id.',
    meaning: 'The id was never given out, or the webhook was deleted.',
  },
  DELIVERY_NOT_FOUND: {
    status: 404,
    retryable: false,
    title: 'The webhook has no delivery with this id.',
    meaning: 'The webhook has no such delivery, or it is no longer kept.',
  },
  WEBHOOK_URL_REFUSED: {
    status: 422,
    retryable: false,
    title: 'Nothing can be sent to this URL.',
    meaning: 'Webhooks go over HTTPS to hosts on the internet; `detail` says what is wrong with this URL.',
  },
  WEBHOOK_LIMIT: {
    status: 409,
    retryable: false,
    title: 'There are as many webhooks as there may be.',
    meaning: 'A tenant has at most 20 webhooks; delete one first.',
  },
  WEBHOOK_DISABLED: {
    status: 409,
    retryable: false,
    title: 'The webhook is disabled.',
    meaning: 'The webhook was disabled, see `disabled`; enable it first.',
  },
  FORMAT_UNAVAILABLE: {
    status: 501,
    retryable: false,
    title: 'This service cannot make this format.',
    meaning: 'MP4 was asked for and the service has no FFmpeg; ask for another `format`.',
  },
  GENERATOR_MISMATCH: {
    status: 409,
    retryable: false,
    title: 'The latents belong to different generators.',
    meaning: 'The two latents were made with different generators; embed one of the photos again.',
  },
  LATENT_INVALID: {
    status: 422,
    retryable: false,
    title: 'The file is not a usable latent.',
    meaning:
      'A file that is no latent: format, shape, type, size, numbers that are not finite, or far from all that the generator makes.',
  },
  LATENT_GENERATOR_MISMATCH: {
    status: 422,
    retryable: false,
    title: 'The latent belongs to another generator than that of the service.',
    meaning:
      'The latent was made with another generator, or nothing says with which; send `generator` as its export told it.',
  },
  ORIGINAL_NOT_KEPT: {
    status: 409,
    retryable: false,
    title: 'The photo of the embedding was not kept.',
    meaning:
      'Nothing can be drawn into a photo that is not there; without `placement` the image is to be had.',
  },
  LATENT_DIVERGED: {
    status: 500,
    retryable: false,
    title: 'The projection diverged.',
    meaning:
      'The projection left the numbers; a smaller `learningRate` helps. `lastGood` of the embedding tells which latent was kept.',
  },
  ENGINE_FAILED: {
    status: 500,
    retryable: true,
    title: 'The inference engine failed.',
    meaning: 'The process that computes was lost or ran out of memory; ask again.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    retryable: false,
    title: 'The request body has the wrong media type.',
    meaning:
      'The body is not `multipart/form-data`, or not JSON where that is expected; `detail` says which.',
  },
  PAYLOAD_TOO_LARGE: {
    status: 413,
    retryable: false,
    title: 'The request body is too large.',
    meaning: 'Too many photos, fields or parts in one request; send several.',
  },
  BUSY: {
    status: 503,
    retryable: true,
    title: 'The service is busy.',
    meaning:
      'Too much is being taken in, waits or is waited for, or no worker was free in time; wait for `Retry-After`.',
  },
  UNAVAILABLE: {
    status: 503,
    retryable: true,
    title: 'A part of the service is out of reach.',
    meaning: 'Redis or the blob store is out of reach; wait for `Retry-After`.',
  },
  BLOB_DAMAGED: {
    status: 500,
    retryable: false,
    title: 'What is stored of this embedding is damaged.',
    meaning:
      'A stored image or latent is not what was written; the operator restores it from a backup, or embed the photo again.',
  },
  STORAGE_LOW: {
    status: 503,
    retryable: true,
    title: 'There is too little room to store anything new.',
    meaning:
      'The disk of the service is nearly full: embeddings and morphs that are stored are served, new ones are not made. Its operator must make room; wait for `Retry-After`.',
    retryAfter: 60,
  },
  INTERNAL: {
    status: 500,
    retryable: true,
    title: 'Something went wrong on our side.',
    meaning: 'A bug of ours; the log has the cause under `instance`. Ask again, and tell us when it stays.',
  },
} as const satisfies Record<string, ErrorFacts>;

export type ErrorCode = keyof typeof ERRORS;
