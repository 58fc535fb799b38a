/** What about a photo makes a likeness hard, in words: each warning names its measure and the bound that it broke. */
import type { QualityWarning, WarningCode } from '../../contracts.js';
import { FEATURES, type PhotoMeasures } from './photo.js';

/** Bounds beyond which a photo is warned about; docs/decisions/0009-verdict.md says how they were chosen. */
export const PHOTO_BOUNDS = {
  side: 256,
  roll: 30,
  yaw: 40,
  brightest: 0.35,
  chroma: 0.015,
  sharpness: 0.12,
  detail: 0.4,
  outside: 0.1,
} as const;

interface Check {
  code: WarningCode;
  /** What is wrong and why; undefined when nothing is. */
  text: (m: PhotoMeasures) => string | undefined;
}

const whole = (x: number): string => x.toFixed(0);
const percent = (x: number): string => `${(100 * x).toFixed(0)} %`;

const CHECKS: readonly Check[] = [
  {
    code: 'TINY',
    text: ({ side }) =>
      side < PHOTO_BOUNDS.side
        ? `The face is small: its square has a side of ${whole(side)} px in the photo, and below ${PHOTO_BOUNDS.side} px details are made up.`
        : undefined,
  },
  {
    code: 'CUT_OFF',
    text: ({ outside }) =>
      outside > PHOTO_BOUNDS.outside
        ? `The photo ends near the face: ${percent(outside)} of its square lie beyond the border, above ${percent(PHOTO_BOUNDS.outside)}, and are filled by a mirror image.`
        : undefined,
  },
  {
    code: 'TILTED',
    text: ({ roll }) =>
      Math.abs(roll) > PHOTO_BOUNDS.roll
        ? `The head is tilted by ${whole(Math.abs(roll))} degrees in the photo: above ${PHOTO_BOUNDS.roll} it is set upright less surely.`
        : undefined,
  },
  {
    code: 'PROFILE',
    text: ({ yaw }) =>
      isProfile(yaw)
        ? `The head is turned by about ${whole(Math.abs(yaw))} degrees: above ${PHOTO_BOUNDS.yaw} the generator has seen few faces.`
        : undefined,
  },
  {
    code: 'DARK',
    text: ({ brightest }) =>
      brightest < PHOTO_BOUNDS.brightest
        ? `The face is dark: 95 % of it are below ${percent(brightest)} of full brightness, and under ${percent(PHOTO_BOUNDS.brightest)} little of it shows.`
        : undefined,
  },
  {
    code: 'GREY',
    text: ({ chroma }) =>
      chroma < PHOTO_BOUNDS.chroma
        ? `The photo is without colour: chroma ${chroma.toFixed(3)}, below ${PHOTO_BOUNDS.chroma}. The generator learnt from photos in colour, and its morphs may take some on.`
        : undefined,
  },
  {
    code: 'BLURRED',
    text: ({ sharpness }) =>
      sharpness < PHOTO_BOUNDS.sharpness
        ? `The face is blurred: sharpness ${sharpness.toFixed(2)}, below ${PHOTO_BOUNDS.sharpness}; its details are made up.`
        : undefined,
  },
  {
    code: 'OCCLUDED',
    text: ({ detail, yaw }) => {
      // The head itself hides the far eye of a profile.
      const expected = FEATURES.filter((name) => name === 'mouth' || !isProfile(yaw));
      const hidden = expected.filter((name) => detail[name] < PHOTO_BOUNDS.detail);
      if (hidden.length === 0) return undefined;
      const list = hidden.map((name) => `${name} (${detail[name].toFixed(2)})`).join(', ');
      return `Something seems to cover part of the face: less detail than ${PHOTO_BOUNDS.detail} of the face's own at: ${list}.`;
    },
  },
];

const isProfile = (yaw: number): boolean => Math.abs(yaw) > PHOTO_BOUNDS.yaw;

/** Warnings about a photo, none for a good one. */
export const photoWarnings = (measures: PhotoMeasures): QualityWarning[] =>
  CHECKS.flatMap(({ code, text }) => {
    const found = text(measures);
    return found === undefined ? [] : [{ code, text: found }];
  });
