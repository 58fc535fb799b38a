/** Shapes of requests about mixes of latents, and of what answers them. */
import { type Static, Type } from 'typebox';
import { IMAGE_FORMATS, MORPH_MODES, PLACEMENTS, REGION_PARTS, Smoothness, STYLES } from '../contracts.js';
import type { ErrorCode } from '../errors.js';
import { DEFAULT_QUALITY } from '../images.js';
import { IMAGE_KINDS, id } from './schemas.js';

/** Largest crossover by mode: the last style or channel after which something is left to swap. */
export const CROSSOVER = { style: { max: 15, default: 8 }, attribute: { max: 511, default: 256 } } as const;

const MODES =
  '`linear` mixes every number alike, `style` swaps the weights after the style `crossover` of 16, `attribute` after the channel `crossover` of 512; `pn` mixes in P_N, where the latents of the generator are close to normal.';

/** Mode and crossover of what has a whole latent at each lambda. */
export const morphPath = {
  mode: Type.Enum([...MORPH_MODES], {
    default: 'linear',
    description: MODES,
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

/** The same with mode `region`, whose parts are taken into an image. */
export const regionPath = {
  ...morphPath,
  mode: Type.Enum([...MORPH_MODES, 'region'], {
    default: 'linear',
    description: `${MODES} \`region\` takes the \`parts\` of a face from \`b\` and leaves the rest as in \`a\`.`,
  }),
  parts: Type.Optional(
    Type.String({
      description: `With \`region\`, where it is required: one or more of ${REGION_PARTS.join(', ')}, separated by commas.`,
      examples: ['eyes,mouth'],
    }),
  ),
};

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

/** Pixels of the longer side of a photo that a face is drawn into: as many as the answer may have. */
export const MAX_PLACED_SIZE = 4096;

const placement = Type.Enum([...PLACEMENTS], {
  default: 'aligned',
  description:
    '`aligned`: the square image of the generator; `original`: its face drawn into the photo of `into`, softly along the outline and in the colours of the photo, with every pixel elsewhere as it was.',
});
/** For both placements; `placeOf` and `alignedSize` check what the one that is asked for accepts. */
const size = Type.Optional(
  Type.Integer({
    minimum: 64,
    maximum: MAX_PLACED_SIZE,
    description:
      'Width and height of the image in pixels, at most 1024, which is the default. With `placement` original the longer side, at most that of the photo, which is the default up to 4096.',
    examples: [512],
  }),
);

export const MorphQuery = Type.Object(
  {
    a: id('Embedding that keeps the weight `lambda`.'),
    b: id('Embedding that gets the weight `1 - lambda`.'),
    lambda: Type.Number({
      minimum: 0,
      maximum: 1,
      default: 0.7,
      description:
        'Weight of `a`. In the modes `style` and `attribute` the weights are swapped after the crossover; in `region` it is what `a` keeps in the parts: at 0 they come wholly from `b`.',
    }),
    ...regionPath,
    placement,
    into: Type.Optional(
      Type.Enum(['a', 'b'], {
        description: 'With `placement` original: whose photo; `a` when left out.',
        examples: ['b'],
      }),
    ),
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
    placement,
    into: Type.Optional(
      id('With `placement` original: the embedding of `latents` whose photo; the first when left out.'),
    ),
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

/** Which image of an embedding, and how the reconstruction is placed. */
export const ImageQuery = Type.Object(
  {
    kind: Type.Enum([...IMAGE_KINDS], {
      description: 'Which image of the embedding.',
      examples: ['aligned'],
    }),
    placement: Type.Enum([...PLACEMENTS], {
      default: 'aligned',
      description:
        'With the kind reconstruction. `aligned`: as it was stored; `original`: its face drawn into the photo, as in a morph.',
    }),
    size: Type.Optional(
      Type.Integer({
        minimum: 64,
        maximum: MAX_PLACED_SIZE,
        description:
          'With `placement` original: longer side in pixels, at most that of the photo, which is the default up to 4096.',
        examples: [512],
      }),
    ),
    format: Type.Optional(
      Type.Enum([...IMAGE_FORMATS], {
        description: 'With `placement` original: the format. Left out: what `Accept` names, or JPEG.',
        examples: ['webp'],
      }),
    ),
    quality: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100,
        description: `With \`placement\` original: how little JPEG, WebP and AVIF may lose, ${DEFAULT_QUALITY} when left out.`,
        examples: [80],
      }),
    ),
  },
  { additionalProperties: false },
);
export type ImageQuery = Static<typeof ImageQuery>;

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

/** What an image that is drawn into a photo can fail with beside. */
export const PLACED_PROBLEM = 'ORIGINAL_NOT_KEPT' satisfies ErrorCode;

/** What an answer about a morph can fail with. */
export const MORPH_PROBLEMS = [
  'BAD_REQUEST',
  'EMBEDDING_NOT_FOUND',
  'EMBEDDING_NOT_READY',
  'GENERATOR_MISMATCH',
  'ENGINE_FAILED',
  'BUSY',
  'STORAGE_LOW',
  'UNAVAILABLE',
] as const satisfies readonly ErrorCode[];
