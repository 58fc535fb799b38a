/** Options of an embedding: the preset that completes them, and what each one means. */
import { type Static, Type } from 'typebox';
import { DEFAULT_PRESET, PRESET_NAMES, PRESETS } from './models/stylegan/presets.js';

const usual = PRESETS[DEFAULT_PRESET];

/** Adam steps of a projection that asks for no number of its own. */
export const DEFAULT_STEPS = usual.steps;

/** The defaults named here are those of the default preset. Older records lack what is optional here. */
export const EmbeddingOptions = Type.Object(
  {
    preset: Type.Optional(
      Type.Enum([...PRESET_NAMES], {
        default: DEFAULT_PRESET,
        description:
          'Gives every option that is left out. `draft`: a first look within seconds; `standard`; `best`: three times the steps; `paper`: the protocol of the paper.',
      }),
    ),
    steps: Type.Integer({
      minimum: 1,
      maximum: 5000,
      default: usual.steps,
      description: 'Number of Adam steps.',
    }),
    learningRate: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      default: usual.learningRate,
      description: 'Peak Adam learning rate in units of `space`.',
    }),
    schedule: Type.Optional(
      Type.Enum(['ramp', 'constant'], {
        default: usual.schedule,
        description:
          'Learning rate from step to step. `ramp`: up over the first 10 % and down over the last 50 % of the steps.',
      }),
    ),
    space: Type.Enum(['pn', 'w'], {
      default: usual.space,
      description:
        "Coordinates in which Adam moves. `pn`: whitened, one unit is about one standard deviation of the generator's own latents. `w`: W itself, as in the paper; take learning rates of 0.01 to 0.05.",
    }),
    editability: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        default: usual.editability,
        description:
          "How strongly a prior holds the latent near the generator's own, where morphs and style mixing look natural, at some cost of likeness. 0: no prior. Only with the space `pn`; in `w` it is 0.",
      }),
    ),
    pixelWeight: Type.Number({
      minimum: 0,
      maximum: 1000,
      default: usual.pixelWeight,
      description: "The paper's lambda_pixel: weight of ||G(W) - I||_2 beside the perceptual loss.",
    }),
    lpipsWeight: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1e6,
        default: usual.lpipsWeight,
        description: 'Weight of LPIPS beside the loss of the paper, which is some 5,000.',
      }),
    ),
    styles: Type.Enum([1, 2, 4, 8, 16] as number[], {
      default: usual.styles,
      description: 'Number of free style vectors; fewer than 16 are tied in equal consecutive groups.',
    }),
    start: Type.Optional(
      Type.Enum(['encoder', 'average'], {
        default: usual.start,
        description:
          "Where the projection starts. `encoder`: the latent that a regression reads from the photo; `average`: the generator's average latent.",
      }),
    ),
    coarse: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        default: usual.coarse,
        description:
          'Share of the steps, the first ones, that are judged at half the side, at half the cost.',
      }),
    ),
    side: Type.Optional(
      Type.Enum([224, 256] as number[], {
        default: usual.side,
        description: 'Side in pixels at which the perceptual net judges the other steps.',
      }),
    ),
    earlyStop: Type.Optional(
      Type.Boolean({
        default: usual.earlyStop,
        description: 'Leaves out the last steps where they would lower the loss by less than 0.5 %.',
      }),
    ),
    seed: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 2 ** 32 - 1,
        description:
          'Adds small Gaussian noise of this seed to the start, to try again from elsewhere. Left out: none.',
        examples: [7],
      }),
    ),
  },
  { additionalProperties: false },
);
export type EmbeddingOptions = Static<typeof EmbeddingOptions>;
export type LatentSpace = EmbeddingOptions['space'];
