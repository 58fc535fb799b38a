/**
 * Environment of an engine process: how glibc hands out memory; other C libraries ignore it. While sessions open, weights
 * are copied, folded and dropped again in blocks of megabytes. Mapped one by one (from 1 MiB on) they go back to the
 * system; out of a common heap, or one heap per thread, they stay. What runs take comes from the arena of the runtime, and
 * is no slower.
 */
export const ALLOCATOR_ENV = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '1048576',
  MALLOC_TRIM_THRESHOLD_: '1048576',
} as const;
