import { defineConfig } from 'vitest/config';

/** Five rooms: `unit` needs nothing, `redis` a real Redis, `e2e` the real models, `faults` all of it, broken on purpose, `gpu` a CUDA session. */
const room = (name: string, testTimeout: number) => ({
  extends: true as const,
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout, hookTimeout: testTimeout },
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
      room('faults', 600_000),
      room('gpu', 600_000),
    ],
  },
});
