/** What was measured on a GPU, as a table and as one JSON object. */
import { table } from '../table.js';
import type { Machine } from './machine.js';
import type { Morph, Projections } from './measure.js';
import type { Precision } from './steps.js';

export interface Measured extends Projections {
  device: 'cpu' | 'cuda';
  machine: Machine | undefined;
  morph: Morph;
  /** Milliseconds of a step without TF32 by the size of the batch. */
  withoutTf32: Record<number, number | undefined>;
  halfLossDifference: number | undefined;
}

const FULL_SIDE = 256;

export function report(measured: Measured): { text: string; json: Record<string, unknown> } {
  const { machine, times, reached, morph, paperSeconds, halfLossDifference } = measured;
  const lines = [
    machine ? `${machine.name}, ${machine.memory}, driver ${machine.driver}` : `Device ${measured.device}`,
    '',
    table([
      ['step of a batch', 'judged at', 'ms', 'ms a face'],
      ...times.map(({ batch, side, precision, ms }) => [
        `${batch}, ${precision}`,
        `${side} px`,
        ms.toFixed(2),
        (ms / batch).toFixed(2),
      ]),
      ...Object.entries(measured.withoutTf32).flatMap(([batch, ms]) =>
        ms
          ? [[`${batch}, without TF32`, `${FULL_SIDE} px`, ms.toFixed(2), (ms / Number(batch)).toFixed(2)]]
          : [],
      ),
    ]),
    '',
    table([
      ['projections to the loss', 'steps', 'seconds', 'faces/s', 'loss/level'],
      ...reached.map(
        ({ batch, precision, steps, seconds, facesPerSecond, losses, levels, reached: there }) => [
          `${batch}, ${precision}${there ? '' : ' (not reached)'}`,
          String(steps),
          seconds.toFixed(2),
          facesPerSecond.toFixed(2),
          (sum(losses) / sum(levels)).toFixed(3),
        ],
      ),
    ]),
    ...Object.entries(paperSeconds).map(
      ([batch, seconds]) => `The paper's protocol, batch ${batch}: ${seconds.toFixed(1)} s`,
    ),
    '',
    `Morph at 1024 px: ${morph.renderMs.toFixed(1)} ms, as JPEG ${morph.jpegMs.toFixed(1)} ms`,
    ...(halfLossDifference === undefined
      ? []
      : [`Loss in half precision: ${(100 * halfLossDifference).toFixed(2)} % off that in single`]),
  ];
  return { text: lines.join('\n'), json: summary(measured) };
}

/** The figures asked for, flat, and all that they were taken from. */
function summary(measured: Measured): Record<string, unknown> {
  const { machine, times, reached, morph, halfLossDifference, device } = measured;
  const ms = (batch: number, precision: Precision): number | undefined =>
    times.find((one) => one.batch === batch && one.precision === precision && one.side === FULL_SIDE)?.ms;
  const projection = (batch: number) =>
    reached.find((one) => one.batch === batch && one.precision === 'single' && one.reached);
  return {
    available: true,
    device,
    ...machine,
    stepMs1: ms(1, 'single'),
    stepMs8: ms(8, 'single'),
    halfStepMs1: ms(1, 'half'),
    halfStepMs8: ms(8, 'half'),
    halfLossDifference,
    embedSeconds: projection(1)?.seconds,
    facesPerSecond1: projection(1)?.facesPerSecond,
    facesPerSecond8: projection(8)?.facesPerSecond,
    morphMs: morph.renderMs,
    measured,
  };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
