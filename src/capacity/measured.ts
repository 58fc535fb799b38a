/** Seconds that were measured: what `npm run capacity` counts with until it is told figures of your machine. */

/** An embedding by preset on 2 CPU cores, one at a time (README, Measured). No GPU has been measured. */
export const EMBEDDING_SECONDS: Readonly<Record<string, number>> = {
  draft: 12,
  standard: 120,
  best: 360,
  paper: 1200,
};

/** An uncached morph of 1024 px as WebP on 2 CPU cores with nothing else running (0017, Measured). */
export const MORPH_SECONDS = 0.333;
