/** Ctrl-C under npm comes twice at once: from the terminal and handed on by npm. */
const SAME_REQUEST_MS = 1_000;

/** Calls `stop` with the number of the request when someone asks this process to end: Ctrl-C, kill, a closed terminal. */
export function onStop(stop: (times: number) => void): void {
  let times = 0;
  let last = Number.NEGATIVE_INFINITY;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const now = performance.now();
      if (now - last < SAME_REQUEST_MS) return;
      last = now;
      times += 1;
      stop(times);
    });
  }
  // Nobody reads a closed terminal any more; that must not break the way down.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}
