/** Compares what clients were told with what is there in the end. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { keysFrom } from '../../src/store/fsck/survey.js';
import type { Fleet } from '../../test/support/fleet/fleet.js';
import { atStore, heldJobs, unfinishedFiles } from '../../test/support/fleet/leftovers.js';
import type { Received } from '../../test/support/webhook-receiver.js';
import { sha256 } from './client.js';
import type { Http } from './http.js';
import { type Entry, idOf, type Ledger } from './ledger.js';

/** Milliseconds that a lost job takes to be found, with room: the rest of its lock and two looks. */
const QUIET_MS = 90_000;

/** Each list names what is wrong; all are empty after a good run. */
export interface Verdict {
  /** Accepted and neither ended, nor cancelled or deleted by its client; ends without a reason; webhooks that never came. */
  lost: string[];
  /** Two embeddings for one key, two ends of one embedding, two events of one end. */
  doubled: string[];
  /** What reads back otherwise than before, or than it was written. */
  corrupted: string[];
  /** Orphan blobs, files, locks, jobs and entries of lists that nothing in the service has cleared away by itself nor could be mended. */
  left: string[];
  /** What fsck mended: leftovers that upkeep deletes after a day. */
  mended: string[];
}

export async function judge(
  fleet: Fleet,
  redis: Redis,
  prefix: string,
  { ledger, http, received }: { ledger: Ledger; http: Http; received: readonly Received[] },
): Promise<Verdict> {
  const verdict: Verdict = {
    lost: [],
    doubled: [],
    corrupted: [...ledger.corrupted],
    left: [],
    mended: [],
  };
  const known = new Set(ledger.entries.flatMap(({ ids }) => [...ids]));
  for (const entry of ledger.entries) await judgeEntry(entry, http, verdict);
  for await (const key of keysFrom(redis, `${prefix}:embedding:`)) {
    const id = key.slice(`${prefix}:embedding:`.length);
    // The client asked until it was answered: an embedding that it was not told of is one too many.
    if (!known.has(id)) verdict.doubled.push(`${id} belongs to no client`);
  }
  judgeEvents(ledger, received, verdict);
  await sweep(fleet, redis, verdict);
  return verdict;
}

async function judgeEntry(entry: Entry, http: Http, { lost, doubled, corrupted }: Verdict): Promise<void> {
  const { ids, end, changes } = entry;
  const id = idOf(entry);
  if (!id) return;
  if (ids.size > 1) doubled.push(`${[...ids].join(' and ')} for one key`);
  for (const change of changes) doubled.push(`${id}: ${change}`);
  const answer = await http.until(`/embeddings/${id}`);
  if (entry.asked.has('delete')) {
    if (answer?.status !== 404) lost.push(`the deletion of ${id}: ${answer?.status}`);
    return;
  }
  if (answer?.status !== 200) {
    lost.push(`${id}: ${answer?.status} ${answer?.code ?? ''}`);
    return;
  }
  const { state, error } = answer.json() as { state: string; error?: { code?: string } };
  if (!end) lost.push(`${id} is ${state}`);
  else if (end.state !== state) doubled.push(`${id}: ${end.state} then ${state}`);
  if (state === 'failed' && !error?.code) lost.push(`the reason of ${id}`);
  if (state === 'cancelled' && !entry.asked.has('cancel')) lost.push(`${id} was cancelled by nobody`);
  if (state !== 'succeeded') return;
  for (let i = 0; i < 2; i++) {
    const latent = await http.until(`/embeddings/${id}/latent`);
    if (latent?.status !== 200) corrupted.push(`latent of ${id}: ${latent?.status} ${latent?.code ?? ''}`);
    else {
      const hash = sha256(latent.bytes);
      entry.latent ??= hash;
      if (entry.latent !== hash) corrupted.push(`latent of ${id}`);
    }
  }
}

/** Ends and deletions, of which webhooks must have heard once each; a repetition bears the same id. */
function judgeEvents({ entries }: Ledger, received: readonly Received[], { lost, doubled }: Verdict): void {
  const heard = new Map<string, Set<string>>();
  for (const { headers, body } of received) {
    const { type, data } = JSON.parse(body) as { type: string; data: { id: string } };
    const name = `${type} of ${data.id}`;
    heard.set(name, (heard.get(name) ?? new Set()).add(headers['webhook-id']));
  }
  for (const [name, ids] of heard) if (ids.size > 1) doubled.push(`webhook ${name}`);
  for (const name of expectedEvents(entries)) if (!heard.has(name)) lost.push(`webhook ${name}`);
}

export const expectedEvents = (entries: readonly Entry[]): string[] =>
  entries.flatMap((entry) => {
    const id = idOf(entry);
    if (!id) return [];
    return [
      ...(entry.end ? [`embedding.${entry.end.state} of ${id}`] : []),
      ...(entry.asked.has('delete') ? [`embedding.deleted of ${id}`] : []),
    ];
  });

/** Looks for what is left over, mends it, and looks again. */
async function sweep(fleet: Fleet, redis: Redis, verdict: Verdict): Promise<void> {
  // A job whose client cancelled it when its worker was lost is still to be found and dropped.
  for (const until = performance.now() + QUIET_MS; performance.now() < until; await sleep(500))
    if ((await heldJobs(redis)).length === 0) break;
  await atStore(fleet, redis, async (look) => {
    for (const { fault, subject, mend } of await look()) {
      await mend?.();
      verdict.mended.push(`${fault} ${subject}`);
    }
    for (const { fault, subject } of await look()) {
      const list =
        fault === 'damaged-blob' ? verdict.corrupted : fault === 'missing-blob' ? verdict.lost : verdict.left;
      list.push(`${fault} ${subject}`);
    }
  });
  verdict.left.push(...(await heldJobs(redis)), ...(await unfinishedFiles(fleet)));
}
