/** What is done beside jobs, by every worker of the role `upkeep`: chores that come round again and again. */
import type { Logger } from 'pino';

export interface Chore {
  name: string;
  /** Milliseconds from the end of one round to the begin of the next. */
  everyMs: number;
  /** Does what there is to do. Two workers may do it at the same time. A failure is logged; the next round tries again. */
  run(signal: AbortSignal): Promise<void>;
}

/** Starts the chores, each at once and then again and again. The function that is returned ends them and waits for them. */
export function startUpkeep(chores: readonly Chore[], log: Pick<Logger, 'warn'>): () => Promise<void> {
  const end = new AbortController();
  const rounds = chores.map(async ({ name, everyMs, run }) => {
    while (!end.signal.aborted) {
      await run(end.signal).catch((error: unknown) => {
        if (!end.signal.aborted) log.warn({ err: error, chore: name }, 'a chore failed');
      });
      await pause(everyMs, end.signal);
    }
  });
  return async () => {
    end.abort();
    await Promise.all(rounds);
  };
}

/** Ends early where the signal aborts, which is no error here. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
