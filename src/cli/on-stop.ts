/** Calls `stop` with the number of the request when someone asks this process to end: Ctrl-C, kill, a closed terminal. */
export function onStop(stop: (times: number) => void): void {
  let times = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      times += 1;
      stop(times);
    });
  }
  // Nobody reads a closed terminal any more; that must not break the way down.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}
