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
  id?: string;
  type: string;
  data: string;
  /** Milliseconds to wait before the next connection, where it says so. */
  retry?: number;
}

/** The service says something every 15 seconds. */
const SILENCE_MS = 45_000;
/** Connections on which nothing came at all, one after the other, after which something in between must be at fault. */
const EMPTY_CONNECTIONS = 3;
const RETRY_MS = 1_000;

/** Opens the stream after the event of this id; undefined where there is nothing more to come. */
export type OpenStream = (
  lastEventId: string | undefined,
  signal: AbortSignal,
) => Promise<Response | undefined>;

export interface EventsOptions {
  signal?: AbortSignal;
  /** Milliseconds without a byte after which a connection is given up. */
  silenceMs?: number;
  /** Milliseconds before the next connection, until the service says how many. */
  retryMs?: number;
}

/** Ends after the result. Throws LatentmorphError where no stream can be had, and the reason of the signal. */
export async function* embeddingEvents(
  open: OpenStream,
  { signal, silenceMs = SILENCE_MS, retryMs = RETRY_MS }: EventsOptions,
): AsyncGenerator<EmbeddingEvent> {
  let last: string | undefined;
  let pauseMs = retryMs;
  let empty = 0;
  while (empty < EMPTY_CONNECTIONS) {
    empty++;
    const connection = new AbortController();
    const end = signal ? AbortSignal.any([signal, connection.signal]) : connection.signal;
    try {
      const response = await open(last, end);
      if (!response) return;
      for await (const message of messages(response, () => connection.abort(), silenceMs)) {
        empty = 0;
        pauseMs = message.retry ?? pauseMs;
        last = message.id ?? last;
        const event = eventOf(message);
        if (event) yield event;
        if (event?.type === 'result') return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof LatentmorphError) throw error;
    } finally {
      connection.abort();
    }
    await pause(pauseMs, signal);
  }
  throw new LatentmorphError('NO_ANSWER', 'The events of the embedding do not come through.', { status: 0 });
}

function eventOf({ type, data }: Message): EmbeddingEvent | undefined {
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

/** The messages of one connection, as the HTML standard reads an event stream. Silence gives it up. */
async function* messages(response: Response, giveUp: () => void, silenceMs: number): AsyncGenerator<Message> {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream') || !response.body)
    throw new LatentmorphError('UNEXPECTED_ANSWER', 'Expected events but received something else.', {
      status: response.status,
    });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const timer = setTimeout(giveUp, silenceMs);
    const { value, done } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return;
    const blocks = (text + value).split(/\r\n\r\n|\n\n|\r\r/);
    text = blocks.pop()!;
    yield* blocks.map(messageOf);
  }
}

function messageOf(block: string): Message {
  const message: Message = { type: 'message', data: '' };
  const data: string[] = [];
  for (const line of block.split(/\r\n|\n|\r/)) {
    const [, field, content = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (field === 'id') message.id = content;
    else if (field === 'event') message.type = content;
    else if (field === 'data') data.push(content);
    else if (field === 'retry' && /^\d+$/.test(content)) message.retry = Number(content);
  }
  return { ...message, data: data.join('\n') };
}
