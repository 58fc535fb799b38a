import { expect, it } from 'vitest';
import type { ProjectChunk } from '../../../src/engine/protocol.js';
import type { Engine } from '../../../src/worker/engine-client.js';
import { timed } from '../../../src/worker/step-time.js';

const chunk = (judgedAt: number, steps: number) =>
  ({
    space: 'pn',
    latent: new Float32Array(4),
    judgedAt,
    learningRates: new Array<number>(steps).fill(0.1),
  }) as ProjectChunk;

it('tells the time of a step for each photo, at the full side, once it does not open them', async () => {
  const clock = { now: 0 };
  const engine = {
    call: async () => {
      clock.now += 1200;
      return [];
    },
  } as Engine;
  const told: number[] = [];
  const measured = timed(
    engine,
    () => clock.now,
    (ms) => told.push(ms),
  );
  await measured.call('project', [chunk(256, 5)]);
  await measured.call('project', [chunk(128, 5)]);
  await measured.call('start', { start: 'average', target: new Float32Array(), styles: 16 });
  expect(told).toEqual([]);
  await measured.call('project', [chunk(256, 10)]);
  expect(told).toEqual([120]);
  await measured.call('project', [chunk(256, 10), chunk(256, 5)]);
  expect(told).toEqual([120]);
  await measured.call('project', [chunk(256, 10), chunk(256, 5)]);
  expect(told).toEqual([120, 120]);
});
