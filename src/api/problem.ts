/** Turns every error into an RFC 9457 problem document. One of the three catchers of the service. */
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import { AppError, ERRORS, type ErrorCode } from '../errors.js';
import { expected, type ParameterSchema, received } from './expected.js';
import { REQUEST_ID_HEADER } from './observe.js';
import type { Problem } from './schemas.js';

export const PROBLEM_TYPE = 'application/problem+json';

/** Errors of the framework with a code of their own; every other 4xx is a bad request. */
const FRAMEWORK: Readonly<Record<string, { code: ErrorCode; detail: string }>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'UNSUPPORTED_MEDIA_TYPE',
    detail:
      'Expected multipart/form-data with the photos in the field `image` for POST /embeddings and POST /faces, or application/json for POST /morph.',
  },
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'PAYLOAD_TOO_LARGE', detail: 'The body is too large.' },
  FST_PARTS_LIMIT: { code: 'PAYLOAD_TOO_LARGE', detail: 'The form has too many parts.' },
  FST_FIELDS_LIMIT: { code: 'PAYLOAD_TOO_LARGE', detail: 'The form has too many fields.' },
};

/** Error handler of the app: answers with the problem and logs what is our fault. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = toAppError(error);
  if (known.status >= 500) request.log.error({ err: error, code: known.code }, 'request failed');
  else request.log.debug({ code: known.code }, 'request refused');
  if (known.status === 401) {
    const scheme = request.routeOptions.config.isPage ? 'Basic' : 'Bearer';
    reply.header('www-authenticate', `${scheme} realm="latentmorph"`);
  }
  if (known.status === 429 || known.status === 503) reply.header('retry-after', `${known.retryAfter}`);
  // What the framework refuses has met no hook.
  reply.header(REQUEST_ID_HEADER, request.id);
  return reply.code(known.status).type(PROBLEM_TYPE).send(problemOf(known, request.id));
}

/** The public document of an error. Members of `extra` never replace the standard ones. */
export function problemOf(error: AppError, instance: string): Problem {
  const { title, status } = ERRORS[error.code];
  return {
    ...error.extra,
    type: `urn:latentmorph:problem:${error.code}`,
    title,
    status,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    code: error.code,
    instance,
  };
}

function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (!isFastifyError(error)) return new AppError('INTERNAL', { cause: error });
  if (error.validation?.[0]) {
    const detail = explain(error.validation[0], error.validationContext ?? 'request');
    return new AppError('BAD_REQUEST', { detail, cause: error });
  }
  const known = Object.hasOwn(FRAMEWORK, error.code) ? FRAMEWORK[error.code] : undefined;
  if (known) return new AppError(known.code, { detail: known.detail, cause: error });
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) {
    return new AppError('BAD_REQUEST', { detail: 'The request is malformed.', cause: error });
  }
  return new AppError('INTERNAL', { cause: error });
}

const isFastifyError = (error: unknown): error is FastifyError =>
  error instanceof Error && 'code' in error && typeof error.code === 'string';

/** `data` and `parentSchema` are there because the validator runs verbosely. */
type VerboseError = FastifySchemaValidationError & { data?: unknown; parentSchema?: ParameterSchema };

const WHERE: Readonly<Record<string, string>> = {
  querystring: 'query parameter',
  body: 'member of the body',
};

function explain(error: VerboseError, context: string): string {
  const where = WHERE[context] ?? context;
  if (error.keyword === 'required') return `The ${where} \`${error.params.missingProperty}\` is missing.`;
  if (error.keyword === 'additionalProperties') {
    const names = Object.keys((error.parentSchema as { properties?: object } | undefined)?.properties ?? {});
    const list = names.map((name) => `\`${name}\``).join(', ');
    return `The ${where} ${received(error.params.additionalProperty)} is unknown; expected ${list}.`;
  }
  const name = error.instancePath.slice(1);
  return `Expected ${expected(error.parentSchema ?? {})} for \`${name}\` but received ${received(error.data)}.`;
}

/** Answers what is not even HTTP (or came too slowly) and closes the connection. */
export function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return void socket.destroy();
  const problem = new AppError('BAD_REQUEST', {
    detail: 'The request is not valid HTTP, or it came too slowly.',
  });
  const id = randomUUID();
  const body = JSON.stringify(problemOf(problem, id));
  const head = `HTTP/1.1 400 Bad Request\r\nconnection: close\r\n${REQUEST_ID_HEADER}: ${id}\r\ncontent-type: ${PROBLEM_TYPE}\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}
