/** Shape of a request for an animation. */
import { type Static, Type } from 'typebox';
import { ANIMATION_FORMATS } from '../animation/stream.js';
import { EASINGS } from '../animation/timeline.js';
import { regionPath } from './morph-schemas.js';
import { id } from './schemas.js';

/** A moving picture hides what a still one shows; at 92 it would be twice as large. */
const ANIMATION_QUALITY = 80;

export const AnimationQuery = Type.Object(
  {
    a: id('Embedding at lambda 1, where the way begins unless told otherwise.'),
    b: id('Embedding at lambda 0, where it ends.'),
    ...regionPath,
    from: Type.Number({ minimum: 0, maximum: 1, default: 1, description: 'Lambda of the first frame.' }),
    to: Type.Number({ minimum: 0, maximum: 1, default: 0, description: 'Lambda at the other end.' }),
    frames: Type.Integer({ minimum: 2, maximum: 240, default: 30, description: 'Frames on the way there.' }),
    duration: Type.Number({
      minimum: 0.1,
      maximum: 60,
      default: 2,
      description: 'Seconds of the way there; at most 50 frames a second.',
    }),
    easing: Type.Enum([...EASINGS], {
      default: 'linear',
      description: '`linear`, or `ease-in-out`, which begins and ends at rest.',
    }),
    pingpong: Type.Boolean({
      default: false,
      description: 'Goes back the way it came, which takes as long again.',
    }),
    pacing: Type.Enum(['lambda', 'even'], {
      default: 'lambda',
      description:
        '`lambda` spreads the frames evenly over lambda, `even` so that neighbours differ alike to the eye (LPIPS), which is measured once for each pair and mode.',
    }),
    loop: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1000,
        description: 'How often WebP and GIF are shown; 0, as when left out, for ever.',
        examples: [0],
      }),
    ),
    size: Type.Integer({
      minimum: 64,
      maximum: 1024,
      default: 256,
      description: 'Width and height in pixels; with MP4 an even number.',
    }),
    format: Type.Enum([...ANIMATION_FORMATS], {
      default: 'webp',
      description: '`mp4` (H.264) where the service has FFmpeg.',
    }),
    quality: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: ANIMATION_QUALITY,
      description: 'How little WebP and the frames of MP4 may lose.',
    }),
  },
  { additionalProperties: false },
);
export type AnimationQuery = Static<typeof AnimationQuery>;
