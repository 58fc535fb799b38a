/** What the queues carry. */
import { type Static, Type } from 'typebox';
import {
  EmbeddingId,
  type FrameFormat,
  type ImageFormat,
  type LatentSpace,
  type MorphMode,
  type Place,
  type RegionPart,
} from './contracts.js';

/** Queue `embed`: the record holds everything else. BullMQ job id = embedding id. */
export const EmbedJob = Type.Object({ id: EmbeddingId });
export type EmbedJob = Static<typeof EmbedJob>;

/** Queue `render`, short jobs that an HTTP request waits for. BullMQ job id of a render = its key. */
export type RenderJob =
  | {
      kind: 'morph';
      key: string;
      /** Blob keys of the two latents. */
      a: string;
      b: string;
      mode: MorphMode;
      lambda: number;
      crossover: number;
      /** Side of the square; a placed render has the size of its place. */
      size: number;
      place?: Place | undefined;
      format: FrameFormat;
      /** 1 to 100; PNG, which loses nothing, has none. */
      quality?: number | undefined;
    }
  | {
      /** Chosen parts of b in a, each in its own places and styles. */
      kind: 'region';
      key: string;
      /** Blob keys of the two latents. */
      a: string;
      b: string;
      parts: RegionPart[];
      /** Hash of the region map that the key stands for. */
      map: string;
      lambda: number;
      size: number;
      place?: Place | undefined;
      format: FrameFormat;
      quality?: number | undefined;
    }
  | {
      kind: 'blend';
      key: string;
      /** Blob keys of the latents. */
      latents: string[];
      space: LatentSpace;
      /** A row for each latent: its weight in every style. */
      weights: number[][];
      size: number;
      place?: Place | undefined;
      format: ImageFormat;
      quality?: number | undefined;
    }
  | {
      kind: 'grid';
      key: string;
      /** Blob keys of the two latents. */
      a: string;
      b: string;
      /** From the left. */
      lambdas: number[];
      /** From the top. */
      rows: { mode: MorphMode; crossover: number; label: string }[];
      /** Side of a picture in pixels. */
      cell: number;
      format: ImageFormat;
      quality?: number | undefined;
    }
  | {
      kind: 'smoothness' | 'pace';
      key: string;
      /** Blob keys of the two latents. */
      a: string;
      b: string;
      mode: MorphMode;
      crossover: number;
    }
  /** Leaves the image of a latent that was sent, 1024 px, in a blob of its own; both are blob keys. */
  | { kind: 'reconstruct'; latent: string; image: string }
  /**
   * Leaves what is seen in the photo `blob` as JSON in the blob `result`, since a queue remembers what its jobs return:
   * `detect` a `Detection`, `faces` an `Examination`.
   */
  | { kind: 'detect' | 'faces'; blob: string; result: string };
