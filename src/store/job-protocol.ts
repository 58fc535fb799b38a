/**
 * The protocol of an embedding's record as data: from which states a step may be taken, how its attempt must compare with
 * the stored one (the fence), where it leads, and who is told. `Records` takes its compare-and-sets from these rows, and
 * whatever checks the protocol reads the same ones.
 */
import type { EmbeddingState } from '../contracts.js';

/** How the token of a write compares with the stored one: the same attempt, a newer one, not an older one, or no matter. */
export type Fence = 'same' | 'newer' | 'not-older' | 'any';

/** What followers of an embedding are told: it moved on, it got further, it has come to its end. */
export const EVENT_KINDS = ['state', 'progress', 'result'] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** An end that webhooks hear of. */
export const OUTBOX_TYPES = [
  'embedding.succeeded',
  'embedding.failed',
  'embedding.cancelled',
  'embedding.expired',
  'embedding.deleted',
] as const;
export type OutboxType = (typeof OUTBOX_TYPES)[number];

export interface Transition {
  from: readonly EmbeddingState[];
  fence: Fence;
  /** Absent: the state stays. */
  to?: EmbeddingState;
  event: EventKind;
  outbox?: OutboxType;
}

export const UNFINISHED: readonly EmbeddingState[] = ['queued', 'running'];

export const TRANSITIONS = {
  begin: { from: UNFINISHED, fence: 'newer', to: 'running', event: 'state' },
  progress: { from: ['running'], fence: 'same', event: 'progress' },
  succeed: {
    from: ['running'],
    fence: 'same',
    to: 'succeeded',
    event: 'result',
    outbox: 'embedding.succeeded',
  },
  fail: {
    from: UNFINISHED,
    fence: 'not-older',
    to: 'failed',
    event: 'result',
    outbox: 'embedding.failed',
  },
  cancel: {
    from: UNFINISHED,
    fence: 'any',
    to: 'cancelled',
    event: 'result',
    outbox: 'embedding.cancelled',
  },
} as const satisfies Record<string, Transition>;

export type TransitionName = keyof typeof TRANSITIONS;

/**
 * How a photo becomes an embedding, step by step; after each of them its process may be lost. Without a key there is nothing
 * to claim, plan and settle.
 */
export const ACCEPT = ['claim', 'put', 'plan', 'create', 'settle', 'enqueue', 'answer'] as const;
export type AcceptStep = (typeof ACCEPT)[number];

/** How what is left of an embedding is deleted, once nothing reads or writes its record any more. */
export const ERASE = ['job', 'blobs', 'renders', 'note'] as const;
export type EraseStep = (typeof ERASE)[number];

/** Whether a step may be taken by `attempt` on a record; what the script TRANSITION decides in Redis. */
export function admits(
  { from, fence }: Transition,
  record: { state: EmbeddingState; attempt: number },
  attempt: number,
): boolean {
  if (!from.includes(record.state)) return false;
  switch (fence) {
    case 'same':
      return attempt === record.attempt;
    case 'newer':
      return attempt > record.attempt;
    case 'not-older':
      return attempt >= record.attempt;
    case 'any':
      return true;
  }
}
