/** Schemas of everything that crosses a process boundary: options, progress, stored records. */
import { type Static, Type } from 'typebox';
import { EmbeddingOptions } from './options.js';
import { RequestTags } from './request-tags.js';

export { DEFAULT_STEPS, EmbeddingOptions, type LatentSpace } from './options.js';

/** Number of style inputs of the default generator; a stored latent is always W+ [STYLES, STYLE_DIM]. */
export const STYLES = 16;
export const STYLE_DIM = 512;

export const EmbeddingId = Type.String({
  pattern: '^emb_[A-Za-z0-9_-]{20}$',
  description: 'Id of an embedding.',
});

/** Pixel coordinates in the upright photo (EXIF orientation applied), origin top left. */
export const Box = Type.Object({
  x: Type.Number({ examples: [980] }),
  y: Type.Number({ examples: [1210] }),
  width: Type.Number({ examples: [1104] }),
  height: Type.Number({ examples: [1372] }),
});
export const Point = Type.Tuple([Type.Number(), Type.Number()]);
export type Point = Static<typeof Point>;

export const Face = Type.Object({
  box: Box,
  score: Type.Number({ minimum: 0, maximum: 1, description: 'Confidence of the detector.' }),
  landmarks: Type.Array(Point, {
    description: 'The 68 landmarks of the iBUG scheme, pixels of the upright photo.',
  }),
});
export type Face = Static<typeof Face>;

/** Corners of the aligned square in the upright photo: top left, bottom left, bottom right, top right. */
export const Quad = Type.Tuple([Point, Point, Point, Point]);
export type Quad = Static<typeof Quad>;

export const EMBEDDING_STATES = ['queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired'] as const;
export const EmbeddingState = Type.Enum([...EMBEDDING_STATES], {
  description:
    'Where the embedding stands. `expired`: its retention has ended; photo, images and latent are deleted.',
});
export type EmbeddingState = Static<typeof EmbeddingState>;

export const Progress = Type.Object({
  step: Type.Integer(),
  steps: Type.Integer(),
  loss: Type.Number({ description: 'Loss at `step`.' }),
  secondsLeft: Type.Number(),
});
export type Progress = Static<typeof Progress>;

export const VERDICTS = ['good', 'fair', 'poor'] as const;
export type Verdict = (typeof VERDICTS)[number];

export const WARNING_CODES = [
  'TINY',
  'CUT_OFF',
  'TILTED',
  'PROFILE',
  'DARK',
  'GREY',
  'BLURRED',
  'OCCLUDED',
] as const;
export type WarningCode = (typeof WARNING_CODES)[number];

export const QualityWarning = Type.Object({
  code: Type.Enum([...WARNING_CODES], { description: 'Stable code to switch on.' }),
  text: Type.String({
    description: 'What is wrong with the photo and why it matters, with the measured value.',
    examples: ['The face is small: its square has a side of 80 px.'],
  }),
});
export type QualityWarning = Static<typeof QualityWarning>;

/** How near the reconstruction comes to the aligned photo, both at 256 px unless it says otherwise. */
export const Measurement = Type.Object({
  loss: Type.Number({ description: 'Final loss, sum of un-squared feature norms.' }),
  lpips: Type.Number({
    description: 'LPIPS (VGG) of the reconstruction against the aligned photo at 256 px.',
  }),
  losses: Type.Object(
    {
      conv1_1: Type.Number(),
      conv1_2: Type.Number(),
      conv3_2: Type.Number(),
      conv4_2: Type.Number(),
      pixel: Type.Number(),
    },
    {
      description: 'Terms of the loss by layer of VGG-16; `pixel` before it is multiplied by `pixelWeight`.',
    },
  ),
  mse: Type.Number({ description: 'Mean squared error of values 0 to 1.' }),
  psnr: Type.Number({ description: 'Peak signal-to-noise ratio in dB; 100 for equal images.' }),
  msSsim: Type.Number({ description: 'Multi-scale structural similarity, at most 1.' }),
  identity: Type.Number({
    description:
      'Distance of the face descriptors at full resolution: below 0.45 plainly the same person, from 0.6 on another one.',
  }),
  pn: Type.Object(
    { mean: Type.Number(), max: Type.Number(), perStyle: Type.Array(Type.Number()) },
    { description: "P_N norm of each style: 1 for the generator's own latents; high ones morph harshly." },
  ),
  verdict: Type.Enum([...VERDICTS], { description: 'Likeness and use of the latent in one word.' }),
  reasons: Type.Array(Type.String(), { description: 'Why the verdict is not `good`.' }),
  warnings: Type.Array(QualityWarning, { description: 'What about the photo makes a likeness hard.' }),
});
export type Measurement = Static<typeof Measurement>;

const { loss, lpips, ...measured } = Measurement.properties;
const effort = {
  steps: Type.Integer({ description: 'Adam steps taken.' }),
  seconds: Type.Number({ description: 'From the first look at the photo to the last measure.' }),
  device: Type.String({ description: 'Device of the steps.' }),
};
/** Records of earlier versions hold only loss and LPIPS. */
export const Quality = Type.Object({
  loss,
  lpips,
  ...Type.Partial(Type.Object({ ...measured, ...effort })).properties,
});
export type Quality = Static<typeof Quality>;

export const LastGood = Type.Object(
  {
    step: Type.Integer({ description: 'Adam steps taken until then.' }),
    loss: Type.Number({ description: 'Loss there.' }),
  },
  { description: 'The latest latent with a finite loss, of a projection that diverged: it is kept.' },
);

/** What a recovery answers (see worker/recovery.ts). */
export const RECOVERY_CAUSES = ['not-finite', 'loss', 'contrast'] as const;

export const Recovery = Type.Object(
  {
    step: Type.Integer({ description: 'Adam steps taken when it was noticed.' }),
    cause: Type.Enum([...RECOVERY_CAUSES], {
      description:
        '`not-finite`: loss or latent was no number; `loss`: it rose and stayed up; `contrast`: the image faded to grey.',
    }),
    backTo: Type.Integer({ description: 'Step at which it went on.' }),
    learningRate: Type.Number({ description: 'Peak rate from then on.' }),
    prior: Type.Number({ description: 'Weight of the prior from then on.' }),
  },
  { description: 'The projection went wrong and was taken back.' },
);
export type Recovery = Static<typeof Recovery>;

/** Who an embedding belongs to: nobody else can tell whether it exists. */
export const Tenant = Type.String({
  pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
  description: 'Lower-case letters, digits and hyphens, at most 63.',
});
/** Whose everything is where no keys are asked for, and what older records belong to. */
export const DEFAULT_TENANT = 'default';

/** An embedding as kept in Redis: small, everything bulky is a blob named by `blobs`. */
export const EmbeddingRecord = Type.Object({
  id: EmbeddingId,
  tenant: Tenant,
  ...RequestTags.properties,
  /** When everything but a trace of it is deleted. */
  expiresAt: Type.Optional(Type.String()),
  state: EmbeddingState,
  createdAt: Type.String(),
  startedAt: Type.Optional(Type.String()),
  finishedAt: Type.Optional(Type.String()),
  options: EmbeddingOptions,
  /** True: the latent was sent, not found; there is no photo, and the options mean nothing. */
  imported: Type.Optional(Type.Boolean()),
  /** Fencing token: the highest attempt that may write; a write of a lower one changes nothing. */
  attempt: Type.Integer(),
  width: Type.Optional(Type.Integer()),
  height: Type.Optional(Type.Integer()),
  faces: Type.Optional(Type.Array(Face)),
  /** Index into `faces` of the one embedded; of the one wanted, where nobody has looked yet. */
  face: Type.Optional(Type.Integer()),
  quad: Type.Optional(Quad),
  progress: Type.Optional(Progress),
  losses: Type.Optional(Type.Array(Type.Number())),
  /** Steps taken, where `earlyStop` left out the rest. */
  stoppedAt: Type.Optional(Type.Integer()),
  /** The latent is the blob `latent`, W+. */
  lastGood: Type.Optional(LastGood),
  recoveries: Type.Optional(Type.Array(Recovery)),
  quality: Type.Optional(Quality),
  /** Name and weights hash of the generator whose W+ this latent lives in. */
  generator: Type.Optional(Type.Object({ name: Type.String(), hash: Type.String() })),
  /** sha256 of the latent blob: part of every render key. */
  latentHash: Type.Optional(Type.String()),
  device: Type.Optional(Type.String()),
  seconds: Type.Optional(Type.Number()),
  error: Type.Optional(Type.Object({ code: Type.String(), detail: Type.String() })),
  /** Blob keys by kind: original, aligned, reconstruction, preview, latent. */
  blobs: Type.Partial(
    Type.Object({
      original: Type.String(),
      aligned: Type.String(),
      preview: Type.String(),
      reconstruction: Type.String(),
      latent: Type.String(),
    }),
  ),
});
export type EmbeddingRecord = Static<typeof EmbeddingRecord>;

export const MORPH_MODES = ['linear', 'style', 'attribute', 'pn'] as const;
export type MorphMode = (typeof MORPH_MODES)[number];
/** What mode `region` can take from b, in the order of their names in a render key. */
export const REGION_PARTS = ['shape', 'eyes', 'nose', 'mouth', 'expression', 'hair'] as const;
export type RegionPart = (typeof REGION_PARTS)[number];
export const IMAGE_FORMATS = ['jpeg', 'png', 'webp', 'avif'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];
/** Formats of the pictures that an animation is made of, too. */
export type FrameFormat = ImageFormat | 'gif';

/** How even a morph is, as kept in the blob `renders/<key>`. */
export const Smoothness = Type.Object({
  ppl: Type.Number({
    description:
      'Perceptual path length: mean over lambda of the squared L2 distance of VGG-16 features between the images at lambda and lambda + epsilon, over epsilon squared.',
    examples: [1.42e9],
  }),
  samples: Type.Integer({ description: 'Number of lambdas, evenly spread.', examples: [8] }),
  epsilon: Type.Number({ description: 'Step along lambda.', examples: [1e-4] }),
});
export type Smoothness = Static<typeof Smoothness>;

/** How fast a morph changes in the eyes of LPIPS, as kept in the blob `renders/<key>`. */
export const Pace = Type.Object({
  /** From 0 to 1. */
  lambdas: Type.Array(Type.Number()),
  /** Share of the whole way that lies below each of them. */
  shares: Type.Array(Type.Number()),
});
export type Pace = Static<typeof Pace>;

export const PLACEMENTS = ['aligned', 'original'] as const;
export type Placement = (typeof PLACEMENTS)[number];

/** Where a render is drawn into a photo, in place of being answered as a square. */
export interface Place {
  /** Blob key of the photo. */
  original: string;
  /** Size in pixels that the photo is reduced to; corners of the aligned square and the 68 landmarks at that size. */
  width: number;
  height: number;
  quad: Quad;
  landmarks: Point[];
}

/** What a `detect` job returns. The others return nothing: image, `Smoothness` or `Pace` is the blob `renders/<key>`. */
export interface Detection {
  width: number;
  height: number;
  faces: Face[];
}

/** A face with what the photo says about a likeness of it. */
export interface ExaminedFace extends Face {
  /** Degrees, estimated from landmarks (see models/metrics/photo.ts). */
  angle: { roll: number; yaw: number; pitch: number };
  sharpness: number;
  /** Side of the aligned square in pixels of the photo. */
  side: number;
  warnings: QualityWarning[];
}

/** What a `faces` job leaves. */
export interface Examination extends Omit<Detection, 'faces'> {
  faces: ExaminedFace[];
}
