/** The region map out of what was measured: places from landmarks, styles from their effects. */
import { REGION_PARTS, type RegionPart } from '../src/contracts.js';
import { MASK_SIDE, type RegionMap } from '../src/models/regions/map.js';
import { type Area, type Face, near, onGrid, ramp } from './landmark-regions.js';
import type { StyleEffects } from './style-effects.js';

/** Styles from the first on of which a third of the skin's change is flat colour: the look. Those before: the structure. */
const FLAT = 1 / 3;
/** Styles that move eyes and brows this much of what the strongest does: how they are held, and not what they look like. */
const HELD = 0.5;

/** Side in pixels of the smallest features that a style feeds: 0 at 4, then two for each doubling. */
const sideOf = (style: number): number => 2 ** (2 + Math.ceil(style / 2));
/** A coarse layer has few cells, and a region that covers part of one would count for little: it grows by this share of a cell. */
const grown = (style: number, share: number): number => Math.min(0.08, share / sideOf(style));

export interface StyleGroups {
  structure: number[];
  look: number[];
  hair: number[];
  held: number[];
}

export function styleGroups({ flat, eyes }: StyleEffects): StyleGroups {
  const styles = flat.map((_, style) => style);
  const first = styles.find((style) => flat[style]! >= FLAT) ?? styles.length;
  const structure = styles.slice(0, first);
  return {
    structure,
    look: styles.slice(first),
    // The first style of the look colours skin and hair; the others would bring more of the background than of the hair.
    hair: styles.slice(0, first + 1),
    held: structure.filter((style) => eyes[style]! >= HELD),
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
  // A mouth that closes needs the colour of lips where teeth were.
  expression: {
    structure: ({ mouth }, style) => near(mouth, 0.03 + grown(style, 0.4)),
    held: ({ eyes }, style) => near(eyes, 0.015 + grown(style, 0.25)),
    look: ({ mouth }) => near(mouth, -0.002),
  },
  // A band around the head, fading out towards the chin and into the background.
  hair: {
    hair:
      ({ head, chin }) =>
      (x, y) => {
        const away = head(x, y);
        return ramp(away, 0.05) * ramp(0.12 - away, 0.12) * ramp(chin - 0.1 - y, 0.2);
      },
  },
};

/** `faces` scatter around the same places, as aligned faces do: a place counts as often as it lies in the region. */
export function regionMap(faces: readonly Face[], groups: StyleGroups, styles: number): RegionMap {
  return new Map(
    REGION_PARTS.map((part) => {
      const mask = new Float32Array(styles * MASK_SIDE * MASK_SIDE);
      for (const [group, area] of Object.entries(RECIPES[part])) {
        for (const style of groups[group as keyof StyleGroups]) {
          const grid = onGrid(
            faces.map((face) => area(face, style)),
            MASK_SIDE,
          );
          const at = style * MASK_SIDE * MASK_SIDE;
          grid.forEach((weight, i) => {
            mask[at + i] = Math.max(mask[at + i]!, weight);
          });
        }
      }
      return [part, mask];
    }),
  );
}
