/** A client that posts photos, follows them, changes its mind now and then, and morphs what it has. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Http } from './http.js';
import { type Entry, idOf, type Ledger } from './ledger.js';

export interface ClientDeps {
  http: Http;
  ledger: Ledger;
  random: () => number;
  photos: readonly Uint8Array[];
  /** Fields of the form. */
  fields: Readonly<Record<string, string>>;
  /** What has succeeded and nobody wants to delete, of all clients. */
  kept: Entry[];
  /** No new photos are posted any more. */
  isOver: () => boolean;
  /** Set when even what was accepted is followed no longer. */
  end: AbortSignal;
}

const POLL_MS = 250;
/** Shares of the photos. */
const CANCELLED = 0.12;
const DELETED = 0.15;
const REPEATED = 0.2;

export async function client(name: string, deps: ClientDeps): Promise<void> {
  for (let i = 0; !deps.isOver(); i++) {
    const entry = await post(`${name}-${i}`, deps);
    if (idOf(entry)) await follow(entry, deps);
    if (entry.end?.state === 'succeeded' && !entry.asked.has('delete')) await use(entry, deps);
  }
}

async function post(key: string, { http, ledger, random, photos, fields }: ClientDeps): Promise<Entry> {
  const entry = ledger.open(key);
  const photo = photos[Math.floor(random() * photos.length)]!;
  const send = async (): Promise<void> => {
    const body = new FormData();
    for (const [field, value] of Object.entries(fields)) body.set(field, value);
    body.set('image', new Blob([new Uint8Array(photo)]), 'photo.jpg');
    const answer = await http.until('/embeddings', {
      method: 'POST',
      body,
      headers: { 'idempotency-key': key },
    });
    if (answer?.status === 202) entry.ids.add(String(answer.json().id));
  };
  await send();
  if (random() < REPEATED) await send();
  return entry;
}

/** Until it has ended, or the client has deleted it. */
async function follow(entry: Entry, deps: ClientDeps): Promise<void> {
  const { http, ledger, random, end } = deps;
  const path = `/embeddings/${idOf(entry)}`;
  const wish = random();
  const changeMind = performance.now() + 6_000 * random();
  while (!end.aborted) {
    const answer = await http.once(path);
    if (answer?.status === 200) see(ledger, entry, answer.json());
    if (answer?.status === 404 && entry.asked.has('delete')) entry.isDeleted = true;
    if (entry.end || entry.isDeleted) break;
    if (performance.now() > changeMind) {
      if (wish < CANCELLED) await cancel(entry, path, deps);
      else if (wish < CANCELLED + DELETED) await remove(entry, path, deps);
    }
    if (entry.isDeleted) break;
    await sleep(POLL_MS * (0.5 + random()));
  }
  if (entry.end && wish > 1 - DELETED / 2) await remove(entry, path, deps);
}

function see(ledger: Ledger, entry: Entry, embedding: Record<string, unknown>): void {
  const error = embedding.error as { code?: string } | undefined;
  ledger.saw(entry, String(embedding.state), error?.code);
}

async function cancel(entry: Entry, path: string, { http, ledger }: ClientDeps): Promise<void> {
  if (entry.asked.has('cancel')) return;
  entry.asked.add('cancel');
  const answer = await http.until(`${path}/cancel`, { method: 'POST' });
  if (answer?.status === 200) see(ledger, entry, answer.json());
}

async function remove(entry: Entry, path: string, { http }: ClientDeps): Promise<void> {
  entry.asked.add('delete');
  const answer = await http.until(path, { method: 'DELETE' });
  // The answer to an earlier try may have been lost with its connection.
  entry.isDeleted = answer?.status === 204 || answer?.status === 404;
}

/** Reads the latent, and morphs with what others have; now and then an image is drawn that was drawn before. */
async function use(entry: Entry, { http, ledger, random, kept }: ClientDeps): Promise<void> {
  const latent = await http.until(`/embeddings/${idOf(entry)}/latent`);
  if (latent?.status === 200) ledger.read(entry, sha256(latent.bytes));
  const other = kept[Math.floor(random() * kept.length)];
  kept.push(entry);
  if (!other) return;
  const drawn = [...ledger.images.keys()];
  const again = drawn[Math.floor(random() * drawn.length)];
  const lambda = Math.round(4 * random()) / 4;
  const url = `/morph?a=${idOf(entry)}&b=${idOf(other)}&lambda=${lambda}&size=128&format=png`;
  for (const path of again ? [url, again] : [url]) {
    const image = await http.until(path);
    if (image?.status === 200) ledger.drew(path, sha256(image.bytes));
  }
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
