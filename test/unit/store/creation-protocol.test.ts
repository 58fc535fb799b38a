/**
 * How a photo becomes an embedding, in all interleavings: a client that repeats its request with one Idempotency-Key up to twice,
 * API processes that are lost or stand still at any point, errors of the store at any point, a worker, and upkeep.
 */
import { describe, expect, test } from 'vitest';
import { ACCEPT, type AcceptStep } from '../../../src/store/job-protocol.js';
import { explore, type Model, type Step } from '../../support/explorer.js';

const REQUESTS = [0, 1, 2] as const;
type Request = (typeof REQUESTS)[number];
/** Nobody, or a request and what it makes. */
type Whose = -1 | Request;

interface RequestState {
  /** Place in the order of steps; `away`: not sent yet. */
  at: AcceptStep | 'enqueue again' | 'take back' | 'away' | 'ended';
  /** An error takes back what this request stored. */
  mayTakeBack: boolean;
  /** The embedding that was answered. */
  answered: Whose;
}

interface State {
  key: { claim: Whose; lease: boolean; plan: Whose; settled: boolean };
  requests: readonly RequestState[];
  /** What each request makes. */
  made: readonly { record: 'none' | 'queued' | 'succeeded' | 'removed'; job: boolean; photo: boolean }[];
}

/** What may be changed on purpose, to see that it is noticed. */
interface Rules {
  order: readonly AcceptStep[];
  /** Records are created only while their claim holds. */
  fenced: boolean;
  /** What may have been created is left to the repetition. */
  leaves: boolean;
  /** A repetition that takes over goes on with what the one before had stored. */
  rollsForward: boolean;
  /** Upkeep gives jobs to embeddings that have none, and deletes photos that no record names. */
  findsLostJobs: boolean;
  dropsLeftovers: boolean;
}
const RULES: Rules = {
  order: ACCEPT,
  fenced: true,
  leaves: true,
  rollsForward: true,
  findsLostJobs: true,
  dropsLeftovers: true,
};

const start: State = {
  key: { claim: -1, lease: false, plan: -1, settled: false },
  requests: REQUESTS.map(() => ({ at: 'away', mayTakeBack: true, answered: -1 })),
  made: REQUESTS.map(() => ({ record: 'none', job: false, photo: false })),
};

const model = (rules: Rules): Model<State> => ({
  start,
  steps: (s) => [...REQUESTS.flatMap((r) => stepsOf(s, r, rules)), ...stepsOfOthers(s, rules)],
  broken: (before, after) => brokenBy(before, after, rules),
});

const request = (s: State, r: Request, change: Partial<RequestState>): State => ({
  ...s,
  requests: s.requests.map((one, i) => (i === r ? { ...one, ...change } : one)),
});
const made = (s: State, r: Whose, change: Partial<State['made'][number]>): State => ({
  ...s,
  made: s.made.map((one, i) => (i === r ? { ...one, ...change } : one)),
});
const key = (s: State, change: Partial<State['key']>): State => ({ ...s, key: { ...s.key, ...change } });
const removed = (s: State, r: Whose): State =>
  made(s, r, { photo: false, job: false, ...(s.made[r]?.record !== 'none' && { record: 'removed' }) });
const isThere = (s: State, r: Whose): boolean =>
  ['queued', 'succeeded'].includes(s.made[r]?.record ?? 'none');

function stepsOf(s: State, r: Request, rules: Rules): Step<State>[] {
  const { at } = s.requests[r]!;
  if (at === 'ended') return [];
  // A client repeats what it has sent before.
  if (at === 'away')
    return r === 0 || s.requests[r - 1]!.at !== 'away'
      ? [{ name: `client sends request ${r}`, next: request(s, r, { at: rules.order[0]! }) }]
      : [];
  const lost = { name: `process of ${r} is lost`, next: request(s, r, { at: 'ended' }) };
  const done = stepOf(s, r, at, rules).map(({ name, next }) => ({ name: `${r} ${name}`, next }));
  return [...done, lost];
}

/** What the next step comes to, and that it fails where the store is away. */
function stepOf(s: State, r: Request, at: RequestState['at'], rules: Rules): Step<State>[] {
  const holds = s.key.claim === r && !s.key.settled;
  const following = rules.order[rules.order.indexOf(at as AcceptStep) + 1];
  const on = (next: State): State => request(next, r, { at: following ?? 'ended' });
  const fails: Step<State> = { name: `${at} fails`, next: failed(s, r) };
  switch (at) {
    case 'claim':
      return claims(s, r, rules);
    case 'put':
      return [{ name: 'puts the photo', next: on(made(s, r, { photo: true })) }, fails];
    case 'plan':
      return holds ? [{ name: 'plans', next: on(key(s, { plan: r })) }, fails] : [fails];
    case 'create': {
      const leaving = request(s, r, { mayTakeBack: !rules.leaves });
      if (rules.fenced && s.key.claim !== r) return [{ name: 'create is refused', next: failed(s, r) }];
      const created = made(leaving, r, { record: 'queued' });
      // The reply may be lost on its way.
      return [
        { name: 'creates', next: on(created) },
        { name: 'creates and does not hear of it', next: failed(created, r) },
        { name: 'create fails', next: failed(leaving, r) },
      ];
    }
    case 'settle': {
      const settled = key(s, { settled: true, plan: r });
      return holds
        ? [
            { name: 'settles', next: on(settled) },
            { name: 'settles and does not hear of it', next: failed(settled, r) },
            fails,
          ]
        : [fails];
    }
    case 'enqueue':
      return [{ name: 'enqueues', next: on(made(s, r, { job: s.made[r]!.record === 'queued' })) }, fails];
    case 'answer':
      return [{ name: 'answers', next: request(s, r, { at: 'ended', answered: r }) }];
    case 'enqueue again': {
      const { plan } = s.key;
      if (!isThere(s, plan)) return [{ name: 'finds it deleted', next: request(s, r, { at: 'ended' }) }];
      const next = s.made[plan]!.record === 'queued' ? made(s, plan, { job: true }) : s;
      return [{ name: 'answers again', next: request(next, r, { at: 'ended', answered: plan }) }, fails];
    }
    case 'take back':
      return [{ name: 'takes back', next: request(removed(s, r), r, { at: 'ended' }) }];
    default:
      return [];
  }
}

function claims(s: State, r: Request, { order, rollsForward }: Rules): Step<State>[] {
  const { claim, lease, settled, plan } = s.key;
  if (settled) return [{ name: 'finds it settled', next: request(s, r, { at: 'enqueue again' }) }];
  // In flight: the client asks again later.
  if (claim !== -1 && lease) return [];
  const mine = key(s, { claim: r, lease: true, plan: -1 });
  if (plan !== -1 && isThere(s, plan) && rollsForward)
    return [
      {
        name: 'goes on with what it finds',
        next: request(key(mine, { plan, settled: true }), r, { at: 'enqueue again' }),
      },
    ];
  const anew = plan === -1 ? mine : removed(mine, plan);
  return [{ name: 'claims', next: request(anew, r, { at: order[1]! }) }];
}

/** An error: what may be taken back is, and the claim is given up; the plan stays where something may have been created. */
function failed(s: State, r: Request): State {
  const { mayTakeBack } = s.requests[r]!;
  const mine = s.key.claim === r && !s.key.settled;
  const given = !mine
    ? s
    : mayTakeBack
      ? key(s, { claim: -1, lease: false, plan: -1 })
      : key(s, { lease: false });
  return request(given, r, { at: mayTakeBack ? 'take back' : 'ended' });
}

function stepsOfOthers(s: State, { findsLostJobs, dropsLeftovers }: Rules): Step<State>[] {
  const steps: Step<State>[] = [];
  if (s.key.lease) steps.push({ name: 'the lease ends', next: key(s, { lease: false }) });
  for (const r of REQUESTS) {
    const { record, job, photo } = s.made[r]!;
    if (record === 'queued' && job)
      steps.push({ name: `worker embeds ${r}`, next: made(s, r, { record: 'succeeded', job: false }) });
    if (findsLostJobs && record === 'queued' && !job)
      steps.push({ name: `upkeep enqueues ${r}`, next: made(s, r, { job: true }) });
    if (dropsLeftovers && photo && !isThere(s, r) && s.requests[r]!.at === 'ended')
      steps.push({ name: `upkeep drops the photo of ${r}`, next: made(s, r, { photo: false }) });
  }
  return steps;
}

function brokenBy(before: State, after: State, rules: Rules): string | undefined {
  for (const r of REQUESTS)
    if (before.made[r]!.record === 'removed' && after.made[r]!.record !== 'removed')
      return 'what was taken back stays so';
  for (const [r, { record, photo }] of after.made.entries()) {
    if (before.made[r]!.record === 'succeeded' && record !== 'succeeded')
      return 'what was embedded is not taken back';
    if (record === 'queued' && !photo) return 'a record finds its photo';
  }
  // At rest: nothing goes on but by a new request.
  const goesOn = [...REQUESTS.flatMap((r) => stepsOf(after, r, rules)), ...stepsOfOthers(after, rules)];
  if (goesOn.some(({ name }) => !name.startsWith('client'))) return undefined;
  const answered = new Set(after.requests.flatMap((one) => (one.answered === -1 ? [] : [one.answered])));
  if (answered.size > 1) return 'one key, one embedding';
  for (const id of answered)
    if (after.made[id]!.record !== 'succeeded') return 'what was answered is embedded';
  if (REQUESTS.filter((r) => isThere(after, r)).length > 1) return 'one key, one embedding';
  if (REQUESTS.some((r) => after.made[r]!.photo && !isThere(after, r))) return 'no blob without a record';
  return undefined;
}

describe('creation', () => {
  test('breaks no invariant', () => {
    const { states, broken } = explore(model(RULES));
    expect(broken?.trace.join('\n')).toBeUndefined();
    expect(states).toBeGreaterThan(10_000);
  });

  const without = (left: AcceptStep): AcceptStep[] => ACCEPT.filter((step) => step !== left);
  const late = (step: AcceptStep, after: AcceptStep): AcceptStep[] =>
    without(step).flatMap((one) => (one === after ? [one, step] : [one]));
  test.each([
    ['records that are created whoever holds the claim', { fenced: false }, 'a record finds its photo'],
    ['errors that take back what was created', { leaves: false }, 'what was embedded is not taken back'],
    ['a takeover that begins anew', { rollsForward: false }, 'what was embedded is not taken back'],
    ['a photo that comes after its record', { order: late('put', 'create') }, 'a record finds its photo'],
    ['records that were not planned', { order: without('plan') }, 'one key, one embedding'],
    ['photos that nobody drops', { dropsLeftovers: false }, 'no blob without a record'],
    [
      'answers before the job, which nobody finds',
      { order: late('enqueue', 'answer'), findsLostJobs: false },
      'what was answered is embedded',
    ],
  ] as const)('finds what is wrong with %s', (_, change, invariant) => {
    const { broken } = explore(model({ ...RULES, ...change }));
    expect(broken?.invariant, broken?.trace.join('\n')).toBe(invariant);
  });
});
