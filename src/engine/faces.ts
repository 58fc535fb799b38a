/** Finding and aligning faces inside the engine: small nets, so they run on the CPU whatever serves the generator. */
import type { Detection, Examination, ExaminedFace, Face, Point } from '../contracts.js';
import { areaTensor, type Rgb8 } from '../images/tensors.js';
import { upright } from '../images.js';
import { ALIGNED_SIZE, alignedBox, alignFace, alignmentQuad } from '../models/face/align.js';
import { FaceDetector } from '../models/face/detect.js';
import { warp } from '../models/face/warp.js';
import { measurePhoto } from '../models/metrics/photo.js';
import { photoWarnings } from '../models/metrics/photo-warnings.js';
import type { EngineCalls } from './protocol.js';
import { openSession, type SessionOptions } from './session.js';
import { TARGET_SIZE } from './step-model.js';

export class Faces {
  private constructor(private readonly detector: FaceDetector) {}

  static async load({ session }: { session: Pick<SessionOptions, 'threads'> }): Promise<Faces> {
    const options: SessionOptions = { device: 'cpu', threads: session.threads };
    return new Faces(await FaceDetector.load((model) => openSession(model, options)));
  }

  /** Faces of an encoded photo, largest first, in pixels of the upright photo. */
  detect(image: Uint8Array): Promise<Detection> {
    return this.detector.detect(image);
  }

  /** Faces of an encoded photo, largest first, each measured as at the end of its projection. */
  async examine(photo: Uint8Array): Promise<Examination> {
    const image = await upright(photo);
    const faces: ExaminedFace[] = [];
    for (const face of await this.detector.find(image)) faces.push(await examined(image, face));
    return { width: image.width, height: image.height, faces };
  }

  /** The aligned face of these landmarks as PNG and as target of a projection. */
  async align(image: Uint8Array, landmarks: readonly Point[]): Promise<EngineCalls['align']['out']> {
    const { pixels, aligned, quad } = await alignFace(image, landmarks);
    return { aligned, target: areaTensor(pixels, TARGET_SIZE), quad };
  }

  /** The 68 landmarks of the face in an aligned picture, in its pixels. */
  landmarksOfAligned(image: Rgb8): Promise<Point[]> {
    return this.detector.landmarks(image, alignedBox(image.width));
  }

  release(): Promise<void> {
    return this.detector.release();
  }
}

async function examined(image: Rgb8, face: Face): Promise<ExaminedFace> {
  const quad = alignmentQuad(face.landmarks);
  const target = areaTensor(await warp(image, quad, ALIGNED_SIZE), TARGET_SIZE);
  const { width, height } = image;
  const measures = measurePhoto({ landmarks: face.landmarks, quad, target, width, height });
  const { roll, yaw, pitch, sharpness, side } = measures;
  return { ...face, angle: { roll, yaw, pitch }, sharpness, side, warnings: photoWarnings(measures) };
}
