/** Every op of the sweep and the step that adds it. */
import { activation } from './activation.js';
import { elementwise } from './elementwise.js';
import type { Generator } from './generator.js';
import { linear } from './linear.js';
import { movement } from './movement.js';
import { normalization } from './normalization.js';
import { resampling } from './resampling.js';
import { selection } from './selection.js';
import { windows } from './window.js';

export const GENERATORS: ReadonlyMap<string, Generator> = new Map(
  Object.entries({
    ...elementwise,
    ...activation,
    ...windows,
    ...linear,
    ...movement,
    ...selection,
    ...resampling,
    ...normalization,
  }),
);
