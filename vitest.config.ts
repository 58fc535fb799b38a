import { defineConfig } from 'vitest/config';

/**
 * Six rooms: `unit` needs nothing, `redis` a real Redis, `e2e` the real models, `faults` either, broken on purpose, `faults-slow` the
 * whole service as processes that are killed, `gpu` a CUDA session. `npm test` leaves out `faults-slow`, which `npm run test:faults` runs.
 */
const room = (name: string, testTimeout: number, include = `test/${name}/**/*.test.ts`) => ({
  extends: true as const,
  test: { name, include: [include], testTimeout, hookTimeout: testTimeout },
});

export default defineConfig({
  test: {
    maxWorkers: 2,
    // A machine that others use, too, may take its time.
    expect: { poll: { timeout: 15_000 } },
    projects: [
      room('unit', 30_000),
      room('redis', 60_000),
      room('e2e', 600_000),
      room('faults', 120_000, 'test/faults/*.test.ts'),
      room('faults-slow', 600_000, 'test/faults/slow/*.test.ts'),
      room('gpu', 600_000),
    ],
  },
});
