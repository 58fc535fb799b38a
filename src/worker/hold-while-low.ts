/** Lets embeddings wait in their queue while the disk has too little room for what they make: begun, they would fail. */
import type { Logger } from 'pino';
import type { DiskRoom } from '../store/disk-room.js';

const LOOK_EVERY_MS = 5_000;

/** A consumer that can be kept from taking further jobs; those that it has go on. */
export interface Holdable {
  isPaused(): boolean;
  pause(doNotWaitActive: boolean): Promise<void>;
  resume(): Promise<void> | void;
}

/** Looks now and again and again, until the function that is returned is called. */
export function holdWhileLow(
  queue: Holdable,
  disk: Pick<DiskRoom, 'isLow'>,
  log: Pick<Logger, 'warn' | 'info'>,
  everyMs = LOOK_EVERY_MS,
): () => void {
  let ended = false;
  const look = async (): Promise<void> => {
    const isLow = await disk.isLow();
    if (ended || isLow === queue.isPaused()) return;
    if (isLow) {
      log.warn('the disk has too little room: no further embeddings are begun');
      await queue.pause(true);
    } else {
      log.info('the disk has room again');
      await queue.resume();
    }
  };
  const again = (): void => void look().catch((error) => log.warn({ err: error }, 'queue'));
  again();
  const timer = setInterval(again, everyMs);
  return () => {
    ended = true;
    clearInterval(timer);
  };
}
