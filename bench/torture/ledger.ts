/** What clients asked for and were told, against which the service is judged in the end. */

export type End = 'succeeded' | 'failed' | 'cancelled';
const ENDS: readonly string[] = ['succeeded', 'failed', 'cancelled'];

/** One photo that a client posted, under one Idempotency-Key, until it was told an id. */
export interface Entry {
  key: string;
  /** Every id that was answered to the key: more than one is a doubled embedding. */
  ids: Set<string>;
  /** What the client asked for after the photo was accepted. */
  asked: Set<'cancel' | 'delete'>;
  /** The deletion was answered. */
  isDeleted: boolean;
  end: { state: End; code: string | undefined } | undefined;
  /** Ends that were told after another one. */
  changes: string[];
  /** SHA-256 of the latent as it was first read. */
  latent: string | undefined;
}

/** Between two blows. */
export const NOTHING = 'nothing';

export class Ledger {
  readonly entries: Entry[] = [];
  /** Images by their URL: SHA-256 as first read. */
  readonly images = new Map<string, string>();
  /** What was read again and was not the same. */
  readonly corrupted: string[] = [];
  /** Each status read that was answered: milliseconds, and what was broken when it was sent. */
  readonly statusReads: { ms: number; during: string }[] = [];
  /** What is broken now. */
  during = NOTHING;
  /** Answers by status and code, those of faults among them. */
  readonly answers = new Map<string, number>();

  open(key: string): Entry {
    const entry: Entry = {
      key,
      ids: new Set(),
      asked: new Set(),
      isDeleted: false,
      end: undefined,
      changes: [],
      latent: undefined,
    };
    this.entries.push(entry);
    return entry;
  }

  /** Notes a state that a client was told. */
  saw(entry: Entry, state: string, code?: string): void {
    if (entry.end && entry.end.state !== state) entry.changes.push(`${entry.end.state} then ${state}`);
    if (!entry.end && ENDS.includes(state)) entry.end = { state: state as End, code };
  }

  /** Notes the hash of something that never changes. */
  read(entry: Entry, sha256: string): void {
    entry.latent ??= sha256;
    if (entry.latent !== sha256) this.corrupted.push(`latent of ${[...entry.ids]}`);
  }

  drew(url: string, sha256: string): void {
    const before = this.images.get(url);
    if (before === undefined) this.images.set(url, sha256);
    else if (before !== sha256) this.corrupted.push(url);
  }

  answered(status: number, code?: string): void {
    const name = code ? `${status} ${code}` : `${status}`;
    this.answers.set(name, (this.answers.get(name) ?? 0) + 1);
  }
}

/** Id of an entry that was accepted; undefined for one that was not. */
export const idOf = ({ ids }: Entry): string | undefined => ids.values().next().value;
