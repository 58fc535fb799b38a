/**
 * How an embedding comes to its end, in all interleavings: two deliveries of its job, of which the first may stand still or be lost at
 * any point, a client that cancels and deletes, its retention, and upkeep that is itself cut off after any step.
 */
import { describe, expect, test } from 'vitest';
import type { EmbeddingState } from '../../../src/contracts.js';
import { admits, ERASE, type EraseStep, TRANSITIONS, UNFINISHED } from '../../../src/store/job-protocol.js';
import { explore, type Model, type Step } from '../../support/explorer.js';

type At = 'idle' | 'put' | 'progress' | 'finish' | 'drop photos' | 'gone';
type Attempt = 1 | 2;

interface State {
  /** Undefined: removed. */
  record: EmbeddingState | undefined;
  attempt: number;
  /** The attempt whose latent the record names. */
  named: number;
  job: 'waiting' | 'active' | 'none';
  workers: readonly At[];
  photo: boolean;
  /** Folders of the attempts: aligned photo, previews, latent. */
  folders: readonly boolean[];
  /** Photos that are still to be dropped; a deletion, an expiry that has not ended. */
  dropping: boolean;
  deleting: boolean;
  expiring: boolean;
  /** Next step of an erasure by a client's request, and by upkeep. */
  erasing: readonly (EraseStep | 'none')[];
  ends: number;
  deletions: number;
}

interface Rules {
  latentOnly: boolean;
  erase: readonly EraseStep[];
  /** A worker whose write is refused deletes what it has stored. */
  cleansUp: boolean;
  /** Upkeep deletes folders that no record names, and no others. */
  dropsLeftovers: boolean;
  sparesNamed: boolean;
  /** The fence of `succeed`. */
  fenced: boolean;
  /** Upkeep finishes what was interrupted. */
  finishes: boolean;
}
const RULES: Rules = {
  latentOnly: true,
  erase: ERASE,
  cleansUp: true,
  dropsLeftovers: true,
  sparesNamed: true,
  fenced: true,
  finishes: true,
};

const START: State = {
  record: 'queued',
  attempt: 0,
  named: 0,
  job: 'waiting',
  workers: ['idle', 'idle'],
  photo: true,
  folders: [false, false],
  dropping: false,
  deleting: false,
  expiring: false,
  erasing: ['none', 'none'],
  ends: 0,
  deletions: 0,
};

const at = <T>(list: readonly T[], i: number, value: T): T[] => list.map((one, k) => (k === i ? value : one));
const worker = (s: State, attempt: Attempt, to: At): State => ({
  ...s,
  workers: at(s.workers, attempt - 1, to),
});
const folder = (s: State, attempt: number, is: boolean): State => ({
  ...s,
  folders: at(s.folders, attempt - 1, is),
});
const isFinished = (s: State): boolean =>
  s.record !== undefined && !UNFINISHED.includes(s.record) && s.record !== 'expired';

const model = (rules: Rules): Model<State> => ({
  start: START,
  steps: (s) => [
    ...([1, 2] as const).flatMap((k) => ofWorker(s, k, rules)),
    ...ofClient(s, rules),
    ...ofUpkeep(s, rules),
  ],
  broken: (before, after) => brokenBy(before, after, rules),
});

/** The record as a transition leaves it; undefined where it is refused. */
function taken(s: State, name: keyof typeof TRANSITIONS, attempt: number, rules: Rules): State | undefined {
  const row = TRANSITIONS[name];
  if (s.record === undefined) return undefined;
  const fence = name === 'succeed' && !rules.fenced ? 'any' : row.fence;
  const from = name === 'succeed' && !rules.fenced ? [...row.from, 'cancelled' as const] : row.from;
  if (!admits({ ...row, fence, from }, { state: s.record, attempt: s.attempt }, attempt)) return undefined;
  const ends = 'outbox' in row;
  return {
    ...s,
    record: 'to' in row ? row.to : s.record,
    attempt: name === 'begin' || name === 'fail' ? attempt : s.attempt,
    named: name === 'succeed' ? attempt : s.named,
    ends: s.ends + (ends ? 1 : 0),
    dropping: s.dropping || (ends && rules.latentOnly),
  };
}

const photosDropped = (s: State): State => ({
  ...s,
  photo: false,
  folders: s.folders.map((is, i) => is && i + 1 === s.named),
  dropping: false,
});

function ofWorker(s: State, k: Attempt, rules: Rules): Step<State>[] {
  const steps: Step<State>[] = [];
  const add = (name: string, next: State): void => void steps.push({ name: `${k} ${name}`, next });
  const superseded = (): void =>
    add('is refused', worker(rules.cleansUp ? folder(s, k, false) : s, k, 'gone'));
  const owned = (name: 'progress' | 'succeed', to: At): void => {
    const next = taken(s, name, k, rules);
    if (next) add(name, worker(next, k, to));
    else superseded();
  };
  const was = s.workers[k - 1]!;
  switch (was) {
    case 'idle': {
      if (s.job !== 'waiting' || (k === 2 && s.workers[0] === 'idle')) return [];
      const next = taken({ ...s, job: 'active' }, 'begin', k, rules);
      // What an earlier attempt has left goes with its start.
      if (next) add('begins', worker(k === 2 ? folder(next, 1, false) : next, k, 'put'));
      else if (s.record === undefined || s.record === 'expired')
        add('finds nothing', worker({ ...s, job: 'none', photo: false, folders: [false, false] }, k, 'gone'));
      else add('may not begin', worker({ ...s, job: 'none' }, k, 'gone'));
      return steps;
    }
    case 'put':
      add('stores', worker(folder(s, k, true), k, 'progress'));
      break;
    case 'progress':
      owned('progress', 'finish');
      break;
    case 'finish': {
      owned('succeed', 'drop photos');
      const failed = taken(s, 'fail', k, rules);
      if (failed) add('fails', worker(failed, k, 'drop photos'));
      break;
    }
    case 'drop photos':
      add(
        'drops photos',
        worker({ ...(isFinished(s) && rules.latentOnly ? photosDropped(s) : s), job: 'none' }, k, 'gone'),
      );
      break;
    default:
      return [];
  }
  add('is lost', worker(s, k, 'gone'));
  return steps;
}

function ofClient(s: State, rules: Rules): Step<State>[] {
  const steps: Step<State>[] = [];
  const cancelled = taken(s, 'cancel', 0, rules);
  if (cancelled) steps.push({ name: 'client cancels', next: cancelled });
  if (s.record !== undefined && s.record !== 'expired')
    steps.push({
      name: 'client deletes',
      next: {
        ...s,
        record: undefined,
        dropping: false,
        deleting: true,
        deletions: s.deletions + 1,
        erasing: at(s.erasing, 0, rules.erase[0]!),
      },
    });
  return [...steps, ...erases(s, 0, rules)];
}

/** One step of an erasure, and its end at any point. */
function erases(s: State, who: 0 | 1, { erase }: Rules): Step<State>[] {
  const step = s.erasing[who]!;
  if (step === 'none') return [];
  const by = who === 0 ? 'client' : 'upkeep';
  const next = erase[erase.indexOf(step) + 1] ?? 'none';
  const on = (changed: State): State => ({ ...changed, erasing: at(changed.erasing, who, next) });
  const done: Record<EraseStep, () => State> = {
    job: () => (s.job === 'waiting' ? { ...s, job: 'none' } : s),
    blobs: () => ({ ...s, photo: false, folders: [false, false] }),
    renders: () => s,
    note: () => ({ ...s, deleting: false, expiring: false }),
  };
  return [
    { name: `${by} erases: ${step}`, next: on(done[step]()) },
    { name: `${by} is cut off`, next: { ...s, erasing: at(s.erasing, who, 'none') } },
  ];
}

function ofUpkeep(s: State, rules: Rules): Step<State>[] {
  const steps: Step<State>[] = [];
  // The first delivery stands still, or is lost: the job is delivered once more.
  if (s.job === 'active' && s.workers[0] !== 'idle' && s.workers[1] === 'idle')
    steps.push({ name: 'the job stalls', next: { ...s, job: 'waiting' } });
  const begins = (changed: State): State => ({
    ...changed,
    erasing: at(changed.erasing, 1, rules.erase[0]!),
  });
  const isIdle = s.erasing[1] === 'none';
  if (s.record !== undefined && s.record !== 'expired' && isIdle)
    steps.push({
      name: 'its time is over',
      next: begins({
        ...s,
        record: 'expired',
        named: 0,
        dropping: false,
        expiring: true,
        ends: UNFINISHED.includes(s.record) ? s.ends + 1 : s.ends,
      }),
    });
  if (rules.finishes) {
    if ((s.deleting || s.expiring) && isIdle) steps.push({ name: 'upkeep goes on with it', next: begins(s) });
    if (s.dropping && isFinished(s)) steps.push({ name: 'upkeep drops photos', next: photosDropped(s) });
    // A job whose second delivery was lost, too, has failed; one that is gone is found.
    const nobody = s.workers.every(
      (one, i) => one === 'gone' || (i === 1 && one === 'idle' && s.job === 'none'),
    );
    const failed =
      nobody && s.job !== 'waiting' ? taken({ ...s, job: 'none' }, 'fail', s.attempt, rules) : undefined;
    if (failed) steps.push({ name: 'upkeep fails it', next: failed });
  }
  const isQuiet = s.workers.every((one) => one === 'gone' || one === 'idle');
  if (rules.dropsLeftovers && isQuiet && s.job !== 'waiting') {
    if ((s.record === undefined || s.record === 'expired') && (s.photo || s.folders.some(Boolean)))
      steps.push({ name: 'upkeep drops leftovers', next: { ...s, photo: false, folders: [false, false] } });
    const lost = s.folders.findIndex((is, i) => is && !(rules.sparesNamed && i + 1 === s.named));
    if (isFinished(s) && lost >= 0)
      steps.push({ name: 'upkeep drops a lost attempt', next: folder(s, lost + 1, false) });
  }
  steps.push(...erases(s, 1, rules));
  return steps;
}

/** What the client or time alone can do: without them everything comes to rest. */
const isFree = ({ name }: Step<State>): boolean => /^(client (cancels|deletes)|its time is over)/.test(name);

function brokenBy(before: State, after: State, rules: Rules): string | undefined {
  if (after.deletions > 1) return 'one outbox entry for a deletion';
  if (before.record === 'cancelled' && after.record === 'succeeded')
    return 'a finished record never changes its state';
  if (after.ends > 1) return 'one outbox entry for each end';
  if (after.record === 'succeeded' && !after.folders[after.named - 1])
    return 'what has succeeded finds its latent';
  if (
    model(rules)
      .steps(after)
      .some((step) => !isFree(step))
  )
    return undefined;
  if (after.record !== undefined && UNFINISHED.includes(after.record)) return 'everything comes to an end';
  const isGone = after.record === undefined || after.record === 'expired';
  if (isGone && (after.photo || after.folders.some(Boolean) || after.deleting || after.expiring))
    return DELETION_LEFT;
  if (
    rules.latentOnly &&
    isFinished(after) &&
    (after.photo || after.folders.some((is, i) => is && i + 1 !== after.named))
  )
    return PHOTO_LEFT;
  return undefined;
}

const PHOTO_LEFT = 'no photo is left where only the latent is kept';
const DELETION_LEFT = 'nothing is left of a deletion';

describe('the end of an embedding', () => {
  test.each([true, false])('breaks no invariant (latent only: %s)', (latentOnly) => {
    const { states, broken } = explore(model({ ...RULES, latentOnly }));
    expect(broken && [broken.invariant, ...broken.trace].join('\n')).toBeUndefined();
    expect(states).toBeGreaterThan(1_000);
  });

  const without = (step: EraseStep): EraseStep[] => ERASE.filter((one) => one !== step);
  test.each([
    ['workers that nothing fences', { fenced: false }, 'a finished record never changes its state'],
    ['leftovers that nobody drops', { dropsLeftovers: false, cleansUp: false }, PHOTO_LEFT],
    [
      'the same where photos are kept',
      { dropsLeftovers: false, cleansUp: false, latentOnly: false },
      DELETION_LEFT,
    ],
    ['photos that nobody drops', { finishes: false }, PHOTO_LEFT],
    [
      'deletions that nobody finishes',
      { finishes: false, dropsLeftovers: false, latentOnly: false },
      DELETION_LEFT,
    ],
    ['an erasure that leaves blobs', { erase: without('blobs'), dropsLeftovers: false }, DELETION_LEFT],
    ['upkeep that drops what is named', { sparesNamed: false }, 'what has succeeded finds its latent'],
  ] as const)('finds what is wrong with %s', (_, change, invariant) => {
    const { broken } = explore(model({ ...RULES, ...change }));
    expect(broken?.invariant, broken?.trace.join('\n')).toBe(invariant);
  });
});
