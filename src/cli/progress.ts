/** Shows how several embeddings get on: bars on a terminal, a line now and then elsewhere. */
import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import type { Progress } from '../contracts.js';

export interface ProgressView {
  update(label: string, progress: Progress): void;
  done(label: string, text: string): void;
  close(): void;
}

export function progressView(
  labels: readonly string[],
  steps: number,
  stream: NodeJS.WriteStream,
): ProgressView {
  return stream.isTTY ? bars(labels, steps, stream) : lines(stream);
}

function bars(labels: readonly string[], steps: number, stream: NodeJS.WriteStream): ProgressView {
  const width = Math.max(...labels.map((label) => label.length));
  const format = '{label} {bar} {percentage} %  step {value}/{total}  {note}';
  const multi = new MultiBar({ stream, format, hideCursor: true, barsize: 30 }, Presets.shades_classic);
  const made = new Map<string, SingleBar>(
    labels.map((label) => [label, multi.create(steps, 0, { label: label.padEnd(width), note: 'waiting' })]),
  );
  return {
    update: (label, { step, steps: total, ...rest }) => {
      const bar = made.get(label);
      bar?.setTotal(total);
      bar?.update(step, { note: note(rest) });
    },
    done: (label, text) => {
      const bar = made.get(label);
      bar?.update(bar.getTotal(), { note: text });
    },
    close: () => multi.stop(),
  };
}

/** A line for each tenth of the way. */
function lines(stream: NodeJS.WriteStream): ProgressView {
  const told = new Map<string, number>();
  return {
    update: (label, { step, steps, ...rest }) => {
      const tenth = Math.floor((10 * step) / steps);
      if (told.get(label) === tenth) return;
      told.set(label, tenth);
      stream.write(`${label}  step ${step}/${steps}  ${note(rest)}\n`);
    },
    done: (label, text) => {
      stream.write(`${label}  ${text}\n`);
    },
    close: () => undefined,
  };
}

const note = ({ loss, secondsLeft }: Pick<Progress, 'loss' | 'secondsLeft'>): string =>
  `loss ${loss.toFixed(1)}  ${Math.ceil(secondsLeft)} s left`;
