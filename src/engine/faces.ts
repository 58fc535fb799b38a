/** Finding and aligning faces inside the engine: small nets, so they run on the CPU whatever serves the generator. */
import type { Detection, Point } from '../contracts.js';
import { areaTensor, type Rgb8 } from '../images/tensors.js';
import { alignedBox, alignFace } from '../models/face/align.js';
import { FaceDetector } from '../models/face/detect.js';
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
