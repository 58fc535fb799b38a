/** One round of what clients do, so that the store has the same size afterwards: as many embeddings go as come. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Times } from './times.js';

/** Little work for each photo: requests are what wears a service out. */
const FIELDS = { preset: 'draft', steps: '2', start: 'average' };
const KEPT = 12;
/** Of one round. */
const FRESH_MORPHS = 3;
const CACHED_MORPHS = 20;

export class Cycle {
  readonly #kept: string[] = [];
  #round = 0;

  constructor(
    private readonly times: Times,
    private readonly photos: readonly Uint8Array[],
  ) {}

  async run(): Promise<void> {
    const round = this.#round++;
    const id = await this.#embed(this.photos[round % this.photos.length]!, round);
    this.#kept.push(id);
    const [other] = this.#kept as [string];
    const { times } = this;
    await times.get('GET /embeddings', '/embeddings?limit=20');
    await times.get('GET /embeddings/{id}/image', `/embeddings/${id}/image?kind=reconstruction`);
    await times.get('GET /embeddings/{id}/latent', `/embeddings/${id}/latent?format=npy`);
    for (let i = 0; i < FRESH_MORPHS; i++)
      await times.get('GET /morph, drawn', `/morph?a=${id}&b=${other}&lambda=${(i + 1) / 8}&size=256`);
    for (let i = 0; i < CACHED_MORPHS; i++)
      await times.get('GET /morph, cached', `/morph?a=${id}&b=${other}&lambda=0.125&size=256`);
    await times.get('GET /morph/grid', `/morph/grid?a=${id}&b=${other}&columns=2&cell=64`);
    await times.get('GET /morph/animation', `/morph/animation?a=${id}&b=${other}&frames=3&size=64`);
    await times.get('GET /readyz', '/readyz');
    await times.get('GET /metrics', '/metrics');
    if (this.#kept.length > KEPT)
      await times.ask('DELETE /embeddings/{id}', `/embeddings/${this.#kept.shift()}`, { method: 'DELETE' });
  }

  async #embed(photo: Uint8Array, round: number): Promise<string> {
    const body = new FormData();
    for (const [name, value] of Object.entries({ ...FIELDS, labels: `round-${round % KEPT}` }))
      body.set(name, value);
    body.set('image', new Blob([new Uint8Array(photo)]), 'photo.jpg');
    const headers = { 'idempotency-key': `soak-${round}` };
    const posted = await this.times.ask('POST /embeddings', '/embeddings', { method: 'POST', body, headers });
    const { id } = JSON.parse(posted.toString()) as { id: string };
    const events = this.times.ask('GET /embeddings/{id}/events', `/embeddings/${id}/events`);
    for (;;) {
      const { state } = JSON.parse(
        (await this.times.get('GET /embeddings/{id}', `/embeddings/${id}`)).toString(),
      );
      if (state === 'succeeded') break;
      if (state === 'failed') throw new Error(`Embedding ${id} failed`);
      await sleep(200);
    }
    await events;
    return id;
  }
}
