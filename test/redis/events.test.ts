/** Following an embedding by its events. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { OutgoingHttpHeaders } from 'node:http';
import { describe, expect, test, vi } from 'vitest';
import type { EmbeddingRecord } from '../../src/contracts.js';
import { detection, eachTestOnApp, storeFinished, type TestApp } from '../support/app.js';
import { SMALL_PHOTO } from '../support/photos.js';

let service: TestApp;
let jpeg: Uint8Array<ArrayBuffer>;
eachTestOnApp(async (app) => {
  service = app;
  jpeg ??= new Uint8Array(await readFile(SMALL_PHOTO));
  app.serveRenders(async () => detection(1));
});

function photo(fields: Record<string, string> = {}, name = 'a.jpg'): FormData {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.set(field, value);
  form.set('image', new Blob([jpeg]), name);
  return form;
}

async function queued(fields: Record<string, string> = {}): Promise<string> {
  const answer = await service.post(photo(fields));
  expect(answer.statusCode).toBe(202);
  return answer.json().id;
}

describe('events', () => {
  interface Event {
    id: string;
    event: string;
    data: Record<string, unknown> & Partial<EmbeddingRecord>;
  }

  const parse = (text: string): Event[] =>
    text
      .split('\n\n')
      .filter((block) => block.startsWith('id: '))
      .map((block) => {
        const [id, event, data] = block.split('\n').map((line) => line.slice(line.indexOf(': ') + 2));
        return { id: id!, event: event!, data: JSON.parse(data!) };
      });

  const events = async (id: string, headers: Record<string, string> = {}) =>
    service.app.inject({ url: `/embeddings/${id}/events`, headers });

  /** Follows an embedding: resolves as soon as the first event has come, with the text of all up to the end. */
  async function following(id: string): Promise<{ headers: OutgoingHttpHeaders; text: Promise<string> }> {
    const answer = await service.app.inject({ url: `/embeddings/${id}/events`, payloadAsStream: true });
    const stream = answer.stream().setEncoding('utf8');
    let text = '';
    stream.on('data', (part: string) => {
      text += part;
    });
    const end = once(stream, 'end').then(() => text);
    await expect.poll(() => text, { timeout: 10_000 }).toContain('event: state');
    return { headers: answer.headers, text: end };
  }

  /** Runs a projection of two chunks. */
  async function project(id: string, attempt = 1): Promise<void> {
    const { records } = service.deps;
    const progress = (step: number) => ({ step, steps: 20, loss: 5000 - step, secondsLeft: 20 - step });
    await records.begin(id, attempt);
    await records.progress(id, attempt, { device: 'cpu' });
    for (const step of [10, 20])
      await records.progress(id, attempt, {
        progress: progress(step),
        blobs: { preview: 'embeddings/x/preview.jpg' },
      });
    await records.succeed(id, attempt, { latentHash: 'h' });
  }

  test('tell state, progress, previews and result, and end', async () => {
    const id = await queued();
    const { headers, text } = await following(id);
    await project(id);
    expect(headers['content-type']).toBe('text/event-stream');
    const told = parse(await text);
    const names = told.map(({ event }) => event).filter((name) => name !== 'state');
    expect(told[0]).toMatchObject({
      event: 'state',
      data: { id, state: 'queued', waiting: { position: 0 } },
    });
    expect(names).toEqual(['progress', 'preview', 'progress', 'preview', 'result']);
    expect(told.find(({ event }) => event === 'progress')!.data).toEqual({
      step: 10,
      steps: 20,
      loss: 4990,
      secondsLeft: 10,
      fraction: 0.5,
    });
    expect(told.find(({ event }) => event === 'preview')!.data).toEqual({
      step: 10,
      href: `/embeddings/${id}/image?kind=preview`,
    });
    expect(told.at(-1)!.data).toMatchObject({ id, state: 'succeeded' });
  });

  test('leave nothing out where the projection ends between two looks', async () => {
    const id = await queued();
    const { text } = await following(id);
    const { records } = service.deps;
    const find = records.find.bind(records);
    let looks = 0;
    // The look that follows the beginning comes late: everything has happened by then.
    vi.spyOn(records, 'find').mockImplementation(async (...who) => {
      if (looks++ === 0) await project(id, 2);
      return find(...who);
    });
    await records.begin(id, 1);
    const names = parse(await text).map(({ event }) => event);
    expect(names.filter((name) => name !== 'state')).toEqual([
      'progress',
      'preview',
      'progress',
      'preview',
      'result',
    ]);
  });

  test('go on after Last-Event-ID without a gap or a repetition', async () => {
    const id = await queued();
    const { text } = await following(id);
    await project(id);
    const all = parse(await text);
    for (const [i, { id: last }] of all.entries()) {
      const rest = await events(id, { 'last-event-id': last });
      // States of the past are known to be over.
      const behind = all.slice(i + 1).filter((one) => one.id !== last && one.event !== 'state');
      if (behind.length === 0) expect(rest.statusCode).toBe(204);
      else
        expect(parse(rest.body).map(({ id: at, event }) => [at, event])).toEqual(
          behind.map(({ id: at, event }) => [at, event]),
        );
    }
  });

  test('begin with the result where it is there', async () => {
    const { id } = await storeFinished(service);
    const told = parse((await events(id)).body);
    expect(told.map(({ event }) => event)).toEqual(['result']);
    expect(told[0]!.data).toMatchObject({ id, state: 'succeeded' });
  });

  test('make up for what is no longer kept by the state', async () => {
    const id = await queued();
    const { text } = await following(id);
    await project(id);
    const [, second] = parse(await text);
    await service.redis.xtrim(`${service.deps.config.keyPrefix}:events:${id}`, 'MAXLEN', 1);
    const told = parse((await events(id, { 'last-event-id': second!.id })).body);
    expect(told.map(({ event }) => event)).toEqual(['result']);
  });

  test('end when the embedding is deleted', async () => {
    const id = await queued();
    const { text } = await following(id);
    await service.app.inject({ method: 'DELETE', url: `/embeddings/${id}` });
    expect(parse(await text).map(({ event }) => event)).toEqual(['state']);
  });

  test('refuse a Last-Event-ID that is none', async () => {
    const { id } = await storeFinished(service);
    expect((await events(id, { 'last-event-id': 'x' })).json()).toMatchObject({ code: 'BAD_REQUEST' });
  });
});
