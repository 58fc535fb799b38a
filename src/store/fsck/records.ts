/** Records against jobs and against the lists that they are in. */
import { erase } from '../erase.js';
import { UNFINISHED } from '../job-protocol.js';
import { mendLostJob } from '../lost-job.js';
import { reachable } from '../redis.js';
import type { Finding } from './faults.js';
import type { FsckDeps } from './fsck.js';
import { keysFrom, type Surveyed, surveyed } from './survey.js';

/** Unfinished embeddings of the grace's age without a job. */
export async function* lostJobs(
  deps: FsckDeps,
  records: ReadonlyMap<string, Surveyed>,
): AsyncGenerator<Finding> {
  const { jobs, now, graceMs } = deps;
  for (const { id, state, createdAt } of records.values()) {
    if (!UNFINISHED.includes(state) || now().getTime() - Date.parse(createdAt) < graceMs) continue;
    const job = await jobs.embedState(id);
    if (job === 'unknown' || job === 'ended')
      yield { fault: 'lost-job', subject: id, mend: () => mendLostJob(deps, id) };
  }
}

export async function* interruptedDeletions(deps: FsckDeps): AsyncGenerator<Finding> {
  // Nothing tells how old they are; to end one twice does no harm.
  for (const id of await deps.pending.deletions())
    yield { fault: 'interrupted-deletion', subject: id, mend: () => erase(deps, id) };
}

/** What a list holds: its ids, each with a score, milliseconds since 1970. */
type Lists = Map<string, Map<string, number>>;

/** Every list with the entries that the records ask for. */
function expectedLists(prefix: string, records: ReadonlyMap<string, Surveyed>): Lists {
  const lists: Lists = new Map();
  const add = (name: string, id: string, score: number): void => {
    const list = lists.get(name) ?? new Map<string, number>();
    lists.set(name, list.set(id, score));
  };
  for (const { id, tenant, state, createdAt, expiresAt, labels = [], reference } of records.values()) {
    const root = `${prefix}:tenant:${tenant}:`;
    const created = Date.parse(createdAt);
    add(`${root}embeddings`, id, created);
    // An embedding that has expired is found by nothing but its id and its tenant.
    if (state === 'expired') continue;
    for (const label of labels) add(`${root}label:${label}`, id, created);
    if (reference !== undefined) add(`${root}reference:${reference}`, id, created);
    if (UNFINISHED.includes(state)) {
      add(`${prefix}:unfinished`, id, created);
      add(`${root}unfinished`, id, created);
    }
    if (expiresAt) add(`${prefix}:expiring`, id, Date.parse(expiresAt));
  }
  return lists;
}

export async function* lists(
  deps: FsckDeps,
  records: ReadonlyMap<string, Surveyed>,
): AsyncGenerator<Finding> {
  const { redis, prefix } = deps;
  const wanted = expectedLists(prefix, records);
  const names = new Set([...wanted.keys(), `${prefix}:unfinished`, `${prefix}:expiring`]);
  // A tenant has other things, too, such as its webhooks.
  for await (const name of keysFrom(redis, `${prefix}:tenant:`))
    if (/^[^:]*:((embeddings|unfinished)$|label:|reference:)/.test(name.slice(`${prefix}:tenant:`.length)))
      names.add(name);
  for (const name of names) yield* compared(deps, name, wanted.get(name) ?? new Map());
}

async function* compared(
  deps: FsckDeps,
  name: string,
  wanted: ReadonlyMap<string, number>,
): AsyncGenerator<Finding> {
  const { redis } = deps;
  const found = new Set(await reachable(redis.zrange(name, 0, '-1')));
  const subject = (id: string): string => `${name} ${id}`;
  for (const [id, score] of wanted) {
    if (!found.has(id) && (await belongs(deps, name, id)))
      yield {
        fault: 'unlisted-record',
        subject: subject(id),
        mend: () => reachable(redis.zadd(name, score, id)),
      };
  }
  for (const id of found) {
    if (!wanted.has(id) && !(await belongs(deps, name, id)))
      yield { fault: 'stale-entry', subject: subject(id), mend: () => reachable(redis.zrem(name, id)) };
  }
}

/** Whether the record, as it is now, belongs into the list. One that is being expired stays listed until its blobs are gone. */
async function belongs({ redis, prefix }: FsckDeps, name: string, id: string): Promise<boolean> {
  const record = await surveyed(redis, prefix, id);
  if (!record) return false;
  if (record.state === 'expired' && name === `${prefix}:expiring`) return true;
  return (
    expectedLists(prefix, new Map([[id, record]]))
      .get(name)
      ?.has(id) ?? false
  );
}
