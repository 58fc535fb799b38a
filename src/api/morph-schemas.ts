/** Shapes of requests about mixes of latents, and of what answers them. */
import { type Static, Type } from 'typebox';
import { ANIMATION_FORMATS } from '../animation/stream.js';
import { EASINGS } from '../animation/timeline.js';
import { IMAGE_FORMATS, MORPH_MODES, Smoothness, STYLES } from '../contracts.js';
import type { ErrorCode } from '../errors.js';
import { DEFAULT_QUALITY } from '../images.js';
import { id } from './schemas.js';

/** Largest crossover by mode: the last style or channel after which something is left to swap. */
export const CROSSOVER = { style: { max: 15, default: 8 }, attribute: { max: 511, default: 256 } } as const;

/** A moving picture hides what a still one shows; at 92 it would be twice as large. */
const ANIMATION_QUALITY = 80;

const morphPath = {
  mode: Type.Enum([...MORPH_MODES], {
    default: 'linear',
    description:
      '`linear` mixes every number alike, `style` swaps the weights after the style `crossover` of 16, `attribute` after the channel `crossover` of 512; `pn` mixes in P_N, where the latents of the generator are close to normal.',
  }),
  crossover: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: CROSSOVER.attribute.max,
      description:
        '1 to 15 with `style` (default 8), 1 to 511 with `attribute` (default 256), refused with the other modes.',
      examples: [8],
    }),
  ),
};

const size = Type.Integer({
  minimum: 64,
  maximum: 1024,
  default: 1024,
  description: 'Width and height of the image in pixels.',
});
const format = Type.Optional(
  Type.Enum([...IMAGE_FORMATS], {
    description: 'Format of the image. Left out: what `Accept` names, or JPEG.',
    examples: ['webp'],
  }),
);
const quality = Type.Integer({
  minimum: 1,
  maximum: 100,
  default: DEFAULT_QUALITY,
  description: 'How little JPEG, WebP and AVIF may lose; PNG loses nothing.',
});

export const MorphQuery = Type.Object(
  {
    a: id('Embedding that keeps the weight `lambda`.'),
    b: id('Embedding that gets the weight `1 - lambda`.'),
    lambda: Type.Number({
      minimum: 0,
      maximum: 1,
      default: 0.7,
      description:
        'Weight of `a`. In the modes `style` and `attribute` the weights are swapped after the crossover.',
    }),
    ...morphPath,
    size,
    format,
    quality,
  },
  { additionalProperties: false },
);
export type MorphQuery = Static<typeof MorphQuery>;

const weight = { minimum: -10, maximum: 10 };

export const BlendBody = Type.Object(
  {
    latents: Type.Array(
      Type.Object(
        {
          id: id('Embedding that takes part.'),
          weight: Type.Optional(
            Type.Number({
              ...weight,
              description: 'Its weight in every style; 1 when it has none.',
              examples: [0.5],
            }),
          ),
          weights: Type.Optional(
            Type.Array(Type.Number(weight), {
              minItems: STYLES,
              maxItems: STYLES,
              description: 'In place of `weight`: its weight in each of the 16 styles.',
            }),
          ),
        },
        { additionalProperties: false },
      ),
      {
        minItems: 2,
        maxItems: 8,
        description:
          'What is mixed; without weights, the mean. Negative weights lead away from an embedding.',
      },
    ),
    normalise: Type.Boolean({
      default: true,
      description: 'Divides the weights of each style by their sum, so that they sum to 1.',
    }),
    space: Type.Enum(['w', 'pn'], {
      default: 'w',
      description:
        'Where the mix is taken: in W, or in P_N, where the latents of the generator are close to normal.',
    }),
    size,
    format,
    quality,
  },
  { additionalProperties: false },
);
export type BlendBody = Static<typeof BlendBody>;

export const GridQuery = Type.Object(
  {
    a: id('Embedding on the right, at lambda 1.'),
    b: id('Embedding on the left, at lambda 0.'),
    rows: Type.Enum(['modes', 'crossovers'], {
      default: 'modes',
      description: 'What changes from row to row: the mode, or the crossover of `mode`.',
    }),
    mode: Type.Optional(
      Type.Enum(['style', 'attribute'], {
        description: 'With `rows` crossovers: whose crossover changes; `style` when left out.',
        examples: ['style'],
      }),
    ),
    columns: Type.Integer({
      minimum: 2,
      maximum: 11,
      default: 5,
      description: 'Number of lambdas, evenly from 0 to 1.',
    }),
    cell: Type.Integer({
      minimum: 64,
      maximum: 512,
      default: 192,
      description: 'Width and height of each morph in pixels.',
    }),
    format,
    quality,
  },
  { additionalProperties: false },
);

export const AnimationQuery = Type.Object(
  {
    a: id('Embedding at lambda 1, where the way begins unless told otherwise.'),
    b: id('Embedding at lambda 0, where it ends.'),
    ...morphPath,
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

export const SmoothnessQuery = Type.Object(
  {
    a: id('Embedding at one end of the morph.'),
    b: id('Embedding at its other end.'),
    ...morphPath,
  },
  { additionalProperties: false },
);

export const MorphSmoothness = Type.Object(
  { ...Smoothness.properties, ...morphPath },
  { description: 'The measurement.' },
);

/** What an answer about a morph can fail with. */
export const MORPH_PROBLEMS = [
  'BAD_REQUEST',
  'EMBEDDING_NOT_FOUND',
  'EMBEDDING_NOT_READY',
  'GENERATOR_MISMATCH',
  'ENGINE_FAILED',
  'BUSY',
  'UNAVAILABLE',
] as const satisfies readonly ErrorCode[];
