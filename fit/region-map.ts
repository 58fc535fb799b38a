/** The region map out of what was measured: places from landmarks, styles from their effects. */
import { REGION_PARTS, type RegionPart } from '../src/contracts.js';
import { MASK_SIDE, type RegionMap } from '../src/models/regions/map.js';
import { type Area, type Face, near, onGrid, ramp } from './landmark-regions.js';
import type { StyleEffects } from './style-effects.js';

/** Styles from the first on of which a third of the skin's change is flat colour: the look. Those before: the structure. */
const FLAT = 1 / 3;
/** Styles that change the surroundings this much more than the skin belong to the hair as well. */
const AROUND = 1.5;
/** Styles of the structure that move the mouth this much against the jaw make the expression. */
const MIMIC = 0.6;

/** Side in pixels of the smallest features that a style feeds: 0 at 4, then two for each doubling. */
const sideOf = (style: number): number => 2 ** (2 + Math.ceil(style / 2));
/** A coarse layer has few cells, and a region that covers part of one would count for little: it grows by this share of a cell. */
const grown = (style: number, share: number): number => Math.min(0.08, share / sideOf(style));

export interface StyleGroups {
  structure: number[];
  look: number[];
  hair: number[];
  expression: number[];
}

export function styleGroups({ flat, around, mimic }: StyleEffects): StyleGroups {
  const styles = flat.map((_, style) => style);
  const first = styles.find((style) => flat[style]! >= FLAT) ?? styles.length;
  const structure = styles.slice(0, first);
  return {
    structure,
    look: styles.slice(first),
    hair: styles.filter((style) => style < first || around[style]! >= AROUND),
    expression: structure.filter((style) => style > 0 && mimic[style]! >= MIMIC),
  };
}

/** What a part takes: for each group of styles the area of a face. */
type Recipe = Partial<Record<keyof StyleGroups, (face: Face, style: number) => Area>>;

const RECIPES: Readonly<Record<RegionPart, Recipe>> = {
  // The band along the jaw. In the whole face the same styles close a mouth and turn a head.
  shape: { structure: ({ jaw }) => near(jaw, 0.06, 0.05) },
  // Brows included; the colour of the eyes only within the lids, since around them it would be that of the skin.
  eyes: {
    structure: ({ eyes }, style) => near(eyes, 0.015 + grown(style, 0.25)),
    look: ({ lids }) => near(lids, -0.002),
  },
  nose: { structure: ({ nose }, style) => near(nose, 0.02 + grown(style, 0.25)) },
  mouth: {
    structure: ({ mouth }, style) => near(mouth, 0.02 + grown(style, 0.4)),
    look: ({ mouth }) => near(mouth, -0.002),
  },
  expression: {
    expression: ({ eyes, mouth }, style) => (x, y) =>
      Math.max(
        near(eyes, 0.015 + grown(style, 0.25))(x, y),
        near(mouth, 0.04 + grown(style, 0.4))(x, y),
      ),
  },
  // A band around the head, fading out towards the chin and into the background.
  hair: {
    hair: ({ head, chin }) => (x, y) => {
      const away = head(x, y);
      return ramp(away, 0.05) * ramp(0.2 - away, 0.1) * ramp(chin - 0.1 - y, 0.2);
    },
  },
  skin: {
    look: ({ head, lids, mouth }) => (x, y) =>
      Math.min(near(head, 0)(x, y), 1 - near(lids, 0)(x, y), 1 - near(mouth, 0)(x, y)),
  },
};

/** `faces` scatter around the same places, as aligned faces do: a place counts as often as it lies in the region. */
export function regionMap(faces: readonly Face[], groups: StyleGroups, styles: number): RegionMap {
  return new Map(
    REGION_PARTS.map((part) => {
      const mask = new Float32Array(styles * MASK_SIDE * MASK_SIDE);
      for (const [group, area] of Object.entries(RECIPES[part])) {
        for (const style of groups[group as keyof StyleGroups]) {
          const grid = onGrid(faces.map((face) => area(face, style)), MASK_SIDE);
          mask.set(grid, style * MASK_SIDE * MASK_SIDE);
        }
      }
      return [part, mask];
    }),
  );
}
