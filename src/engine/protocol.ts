/** Typed requests between a worker and its engine child process (advanced serialisation: typed arrays travel as they are). */
import type {
  Detection,
  Examination,
  FrameFormat,
  ImageFormat,
  LatentSpace,
  Measurement,
  MorphMode,
  Place,
  Point,
  Quad,
  RegionPart,
} from '../contracts.js';

export type EngineRole = 'embed' | 'render';

export interface EngineInfo {
  /** Device that the warm-up really used. */
  device: 'cpu' | 'cuda';
  generator: { name: string; hash: string };
  /** Measured milliseconds of one warm-up run: an Adam step (embed) or a 1024 px synthesis (render). */
  warmUpMs: number;
}

/** One chunk of the projection. Shapes: `latent` [styles, 512] flat in W, `m`, `v` likewise in `space`; `target` image [3,256,256] -1..1 flat. */
export interface ProjectChunk {
  space: LatentSpace;
  /** Side in pixels at which the perceptual net judges: 256, or 128 for cheap early steps. */
  judgedAt: number;
  target: Float32Array;
  latent: Float32Array;
  m: Float32Array;
  v: Float32Array;
  /** Adam steps already taken: the bias correction continues from here. */
  step: number;
  /** One learning rate per step of this chunk. */
  learningRates: number[];
  pixelWeight: number;
  /** Weight of the prior: mean squared P_N coordinate, added to the loss that is differentiated, not to the one reported. */
  prior: number;
  /** Weight of LPIPS, added likewise. */
  lpipsWeight: number;
}

/** Chunks of one kind can take their steps together. */
export const kindOf = ({ space, judgedAt, latent, lpipsWeight }: ProjectChunk): string =>
  `${space} ${judgedAt} ${latent.length} ${lpipsWeight > 0}`;

export interface ProjectChunkResult {
  latent: Float32Array;
  m: Float32Array;
  v: Float32Array;
  /** Loss before each step taken: fewer than asked for where another photo of the batch asked for fewer. */
  losses: number[];
  /** Contrast of the latest image as a share of the photo's (see metrics/contrast.ts). */
  contrast: number;
  /** Preview of the latest image, JPEG 256 px. */
  preview: Uint8Array;
}

/** What is known of a photo once it is aligned. */
export interface AlignedPhoto {
  /** The aligned face, 1024 px, encoded. */
  aligned: Uint8Array;
  /** 68 landmarks and corners of the aligned square, pixels of the upright photo. */
  landmarks: Point[];
  quad: Quad;
  /** Size of the upright photo. */
  width?: number | undefined;
  height?: number | undefined;
}

/** Milliseconds of an Adam step for each photo: of one photo, and of several in a batch. */
export interface BatchSpeed {
  alone: number;
  together: number;
}

/**
 * What an image is drawn of: a W+ latent [16,512], or latent `a` with parts of `b`, of which `a` keeps `lambda`, 0 to 1;
 * `map` is the hash of the region map that is meant.
 */
export type Drawn =
  | { latent: Float32Array }
  | { a: Float32Array; b: Float32Array; parts: RegionPart[]; map: string; lambda: number };

export interface EngineCalls {
  warm: { in: { role: EngineRole }; out: EngineInfo };
  /** `image` is an encoded photo that passed intake. Faces are sorted largest first. */
  detect: { in: { image: Uint8Array }; out: Detection };
  /** The same, each face with what the photo says about a likeness of it. */
  faces: { in: { image: Uint8Array }; out: Examination };
  /** FFHQ alignment: `aligned` is a PNG, 1024 px, `target` the same reduced to [3,256,256] -1..1. */
  align: {
    in: { image: Uint8Array; landmarks: Point[] };
    out: { aligned: Uint8Array; target: Float32Array; quad: Quad };
  };
  /** Start of a projection: [styles, 512] flat, the average latent (plus seeded noise). */
  start: {
    in: { start: 'encoder' | 'average'; target: Float32Array; styles: number; seed?: number };
    out: { latent: Float32Array };
  };
  /** Photos that take their steps together; they share `space`, `judgedAt` and the number of styles. */
  project: { in: ProjectChunk[]; out: ProjectChunkResult[] };
  /** Speed of a batch on the CPU, undefined when it does not fit into memory; `known`: only what was measured before. */
  batchSpeed: { in: { batch: number; known: boolean }; out: BatchSpeed | undefined };
  /** Ends a projection: full latent W+ [16,512], its 1024 px reconstruction (PNG), and what both are worth. */
  finish: {
    in: { latent: Float32Array; target: Float32Array; pixelWeight: number; photo: AlignedPhoto };
    out: { latent: Float32Array; reconstruction: Uint8Array; quality: Measurement };
  };
  render: {
    in: Drawn & {
      size: number;
      format: FrameFormat;
      quality?: number | undefined;
    };
    out: { image: Uint8Array };
  };
  /** Draws the face of an image into the photo. */
  paste: {
    in: Drawn & {
      /** `photo` is encoded, upright; it is reduced to the size that the place is given for. */
      place: Omit<Place, 'original'> & { photo: Uint8Array };
      format: FrameFormat;
      quality?: number | undefined;
    };
    out: { image: Uint8Array };
  };
  /** P_N norms of a W+ latent [16,512]. */
  norms: { in: { latent: Float32Array }; out: { mean: number; max: number } };
  /** One picture of rows of labelled pictures, each `cell` pixels wide. */
  sheet: {
    in: {
      rows: { image: Uint8Array; label: string }[][];
      cell: number;
      format: ImageFormat;
      quality?: number | undefined;
    };
    out: { image: Uint8Array };
  };
  /** Squared distance of VGG-16 features between the images at two lambdas of a morph, 0 to 1. */
  pathDistance: {
    in: {
      a: Float32Array;
      b: Float32Array;
      mode: MorphMode;
      crossover: number;
      from: number;
      to: number;
    };
    out: { squared: number };
  };
  /** LPIPS between the images at two lambdas of a morph, 0 to 1; soonest where `from` was the `to` before. */
  pathLpips: { in: EngineCalls['pathDistance']['in']; out: { lpips: number } };
}

export type EngineMethod = keyof EngineCalls;
export type EngineRequest = { id: number; method: EngineMethod; params: unknown };
export type EngineResponse =
  | { id: number; result: unknown }
  | { id: number; error: { code: string; message: string; detail?: string } };
