/** Shows on stderr how far a bench has got: a bar on a terminal, a line now and then elsewhere. */
import { Presets, SingleBar } from 'cli-progress';
import { say } from './workspace.js';

export interface Steps {
  /** `count` more of `total` are done; `note` says what. */
  tick(note: string, count?: number): void;
  stop(): void;
}

export function progress(label: string, total: number): Steps {
  return process.stderr.isTTY ? bar(label, total) : lines(label, total);
}

function bar(label: string, total: number): Steps {
  const format = `${label} {bar} {value}/{total}  {eta_formatted} left  {note}`;
  const made = new SingleBar(
    { format, barsize: 30, hideCursor: true, stream: process.stderr },
    Presets.shades_classic,
  );
  made.start(total, 0, { note: '' });
  return { tick: (note, count = 1) => made.increment(count, { note }), stop: () => made.stop() };
}

/** A line for each tenth of the way. */
function lines(label: string, total: number): Steps {
  let done = 0;
  return {
    tick: (note, count = 1) => {
      done += count;
      if (Math.floor((10 * done) / total) > Math.floor((10 * (done - count)) / total))
        say(`${label}  ${done}/${total}  ${note}`);
    },
    stop: () => undefined,
  };
}
