import { describe, expect, test } from 'vitest';
import type { EmbeddingState } from '../../../src/contracts.js';
import { admits, TRANSITIONS, type Transition, UNFINISHED } from '../../../src/store/job-protocol.js';
import { explore, type Model } from '../../support/explorer.js';

type Rows = Record<keyof typeof TRANSITIONS, Transition>;

/** The record, and of each of two deliveries of its job (attempts 1 and 2) how far it got. */
interface State {
  state: EmbeddingState;
  attempt: number;
  outbox: number;
  /** The attempt that wrote last. */
  writer: number;
  workers: readonly ('idle' | 'running' | 'ending' | 'gone')[];
}

const model = (rows: Rows): Model<State> => ({
  start: { state: 'queued', attempt: 0, outbox: 0, writer: 0, workers: ['idle', 'idle'] },
  steps: (s) => {
    const take = (name: keyof Rows, attempt: number, at?: number, then?: State['workers'][number]) => {
      const row = rows[name];
      const workers = s.workers.map((was, i) => (i === at ? then! : was));
      const label = at === undefined ? name : `worker ${at + 1} ${name}`;
      if (!admits(row, s, attempt)) {
        const lost = s.workers.map((was, i) => (i === at ? ('gone' as const) : was));
        return { name: `${label} refused`, next: { ...s, workers: lost } };
      }
      const claims = name === 'begin' || name === 'fail';
      const next: State = {
        state: row.to ?? s.state,
        attempt: claims ? attempt : s.attempt,
        outbox: s.outbox + (row.outbox ? 1 : 0),
        writer: attempt || s.writer,
        workers,
      };
      return { name: label, next };
    };
    const ofWorkers = s.workers.flatMap((was, at) => {
      const attempt = at + 1;
      const crash = {
        name: `worker ${attempt} crashes`,
        next: { ...s, workers: s.workers.map((w, i) => (i === at ? ('gone' as const) : w)) },
      };
      if (was === 'gone') return [];
      if (was === 'idle') return [take('begin', attempt, at, 'running'), crash];
      if (was === 'running')
        return [take('progress', attempt, at, 'ending'), take('fail', attempt, at, 'gone'), crash];
      return [take('succeed', attempt, at, 'gone'), take('fail', attempt, at, 'gone'), crash];
    });
    return [...ofWorkers, take('cancel', 0), { ...take('fail', s.attempt), name: 'upkeep fail' }];
  },
  broken: (before, after) => {
    const wasFinished = !UNFINISHED.includes(before.state);
    if (after.attempt < before.attempt) return 'attempt never decreases';
    if (wasFinished && after.state !== before.state) return 'a finished record never changes its state';
    if (after.writer < before.attempt) return 'no write of an older attempt after a newer began';
    if (after.outbox !== (UNFINISHED.includes(after.state) ? 0 : 1)) return 'one outbox entry for each end';
    return undefined;
  },
});

const mutated = (name: keyof Rows, change: Partial<Transition>): Rows => ({
  ...TRANSITIONS,
  [name]: { ...TRANSITIONS[name], ...change },
});

describe('the table of a record, in all interleavings of two deliveries, a client, upkeep and crashes', () => {
  test('breaks no invariant', () => {
    const { states, broken } = explore(model(TRANSITIONS));
    expect(broken).toBeUndefined();
    expect(states).toBeGreaterThan(30);
  });

  test.each([
    ['begin', { fence: 'any' }, 'attempt never decreases'],
    ['cancel', { from: [...UNFINISHED, 'succeeded'] }, 'a finished record never changes its state'],
    ['progress', { fence: 'any' }, 'no write of an older attempt after a newer began'],
    ['succeed', { outbox: undefined as never }, 'one outbox entry for each end'],
  ] as const)('finds what a changed row `%s` breaks', (name, change, invariant) => {
    const { broken } = explore(model(mutated(name, change as Partial<Transition>)));
    expect(broken?.invariant, broken?.trace.join('\n')).toBe(invariant);
    expect(broken?.trace.length).toBeGreaterThan(0);
  });
});
