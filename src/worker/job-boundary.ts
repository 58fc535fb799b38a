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

/** Fails a job, for good where a retry cannot help. */
export function refuse(error: unknown, log: Logger, job: Job): never {
  log.warn({ err: error, queue: job.queueName, job: job.id, attempt: job.attemptsStarted }, 'job failed');
  if (error instanceof UnrecoverableError) throw error;
  const known = publicError(error);
  const reason = toFailure(known);
  throw known.retryable ? new Error(reason) : new UnrecoverableError(reason);
}
