/** Where errors of jobs are caught: the log gets them whole, the queue their public face. One of the three catchers of the service. */
import { type Job, UnrecoverableError } from 'bullmq';
import type { Logger } from 'pino';
import { AppError } from '../errors.js';
import { toFailure } from '../queue.js';

/** BullMQ renews a lock at half its duration; a job whose worker died is delivered once more. */
export const QUEUE_OPTIONS = {
  lockDuration: 30_000,
  stalledInterval: 30_000,
  maxStalledCount: 1,
  autorun: false,
};

export const publicError = (error: unknown): AppError =>
  error instanceof AppError ? error : new AppError('INTERNAL', { cause: error });

/** Fails an attempt at a job, a final one for good. The queue keeps the message; spans tell the code of the cause. */
export function refuse(
  error: unknown,
  log: Logger,
  job: Job,
  isFinal: boolean = !publicError(error).retryable,
): never {
  log.warn({ err: error, queue: job.queueName, job: job.id, attempt: job.attemptsStarted }, 'job failed');
  const cause = publicError(error);
  const Refusal = isFinal ? UnrecoverableError : Error;
  throw Object.assign(new Refusal(toFailure(cause)), { cause });
}
