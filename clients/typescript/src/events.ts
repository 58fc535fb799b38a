/** What happens to an embedding, as it happens: server-sent events over any number of connections. */
import type { Embedding } from './api.js';
import { LatentmorphError } from './error.js';
import { pause } from './transport.js';

export type Progress = NonNullable<Embedding['progress']>;

export type EmbeddingEvent =
  | { type: 'state'; embedding: Embedding }
  | { type: 'progress'; progress: Progress }
  | { type: 'preview'; step: number; href: string }
  /** The last one. */
  | { type: 'result'; embedding: Embedding };

/** One event as it comes over the wire. */
interface Message {
  id: string | undefined;
  type: string;
  data: string;
}

/** The service says something every 15 seconds. */
const SILENCE_MS = 45_000;
/** Connections without an event, one after the other, after which something in between must be at fault. */
const EMPTY_CONNECTIONS = 3;
const FIRST_RETRY_MS = 1_000;

/** Opens the stream after the event of this id; undefined where there is nothing more to come. */
export type OpenStream = (
  lastEventId: string | undefined,
  signal: AbortSignal,
) => Promise<Response | undefined>;

/** Ends after the result. Throws LatentmorphError where no stream can be had, and the reason of the signal. */
export async function* embeddingEvents(
  open: OpenStream,
  signal?: AbortSignal,
): AsyncGenerator<EmbeddingEvent> {
  let last: string | undefined;
  let retryMs = FIRST_RETRY_MS;
  for (let empty = 0; empty < EMPTY_CONNECTIONS; empty++) {
    const connection = new AbortController();
    const end = signal ? AbortSignal.any([signal, connection.signal]) : connection.signal;
    try {
      const response = await open(last, end);
      if (!response) return;
      const seen = { retry: (ms: number) => (retryMs = ms) };
      for await (const { id, type, data } of messages(response, connection, seen)) {
        empty = -1;
        last = id ?? last;
        const event = eventOf(type, data);
        if (event) yield event;
        if (event?.type === 'result') return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof LatentmorphError) throw error;
    } finally {
      connection.abort();
    }
    await pause(retryMs, signal);
  }
  throw new LatentmorphError('NO_ANSWER', 'The events of the embedding do not come through.', { status: 0 });
}

function eventOf(type: string, data: string): EmbeddingEvent | undefined {
  switch (type) {
    case 'state':
    case 'result':
      return { type, embedding: JSON.parse(data) };
    case 'progress':
      return { type, progress: JSON.parse(data) };
    case 'preview':
      return { type, ...JSON.parse(data) };
    default:
      return undefined;
  }
}

/** The messages of one connection, as the HTML standard reads an event stream. Silence ends it. */
async function* messages(
  response: Response,
  connection: AbortController,
  seen: { retry: (ms: number) => void },
): AsyncGenerator<Message> {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream') || !response.body)
    throw new LatentmorphError('UNEXPECTED_ANSWER', 'Expected events but received something else.', {
      status: response.status,
    });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  let id: string | undefined;
  for (;;) {
    const timer = setTimeout(() => connection.abort(), SILENCE_MS);
    const { value, done } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return;
    const blocks = (text + value).split(/\r\n\r\n|\n\n|\r\r/);
    text = blocks.pop()!;
    for (const block of blocks) {
      let type = 'message';
      const data: string[] = [];
      for (const line of block.split(/\r\n|\n|\r/)) {
        const [, field, content = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
        if (field === 'id') id = content;
        else if (field === 'event') type = content;
        else if (field === 'data') data.push(content);
        else if (field === 'retry' && /^\d+$/.test(content)) seen.retry(Number(content));
      }
      if (data.length > 0) yield { id, type, data: data.join('\n') };
    }
  }
}
