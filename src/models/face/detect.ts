/** Finds faces and their 68 landmarks in a photo. */
import type { Detection, Face, Point } from '../../contracts.js';
import type { Rgb8 } from '../../images/tensors.js';
import { resize, upright } from '../../images.js';
import { writeOnnx } from '../graph/write-onnx.js';
import { areaOf, type Box, isPlausible, type ScoredBox, suppress, within } from './boxes.js';
import { letterbox } from './crops.js';
import { DETECTOR_SIZE, detectorGraph } from './detector-graph.js';
import { Landmarker } from './landmarks.js';
import type { Net, OpenNet } from './net.js';
import { readFaceWeights } from './weights.js';

const MIN_SCORE = 0.5;
const MAX_OVERLAP = 0.5;
/** Of a crowd the surest are kept: landmarks cost some 50 ms a face. */
const MAX_FACES = 32;

export class FaceDetector {
  private constructor(
    private readonly net: Net,
    private readonly landmarker: Landmarker,
  ) {}

  /** Converts the weights of the installed face-api package (local files only) and opens both nets. */
  static async load(open: OpenNet): Promise<FaceDetector> {
    const graph = detectorGraph(await readFaceWeights('ssd_mobilenetv1'));
    return new FaceDetector(await open(writeOnnx(graph)), await Landmarker.load(open));
  }

  /**
   * Faces of an encoded photo, largest first, in pixels of the upright photo. A photo without a face gives an empty
   * list. Throws IMAGE_UNREADABLE.
   */
  async detect(photo: Uint8Array): Promise<Detection> {
    const image = await upright(photo);
    return { width: image.width, height: image.height, faces: await this.find(image) };
  }

  /** The same of decoded pixels. */
  async find(image: Rgb8): Promise<Face[]> {
    const faces: Face[] = [];
    for (const { box, score } of await this.boxes(image)) {
      const face = { box, score, landmarks: await this.landmarker.find(image, box) };
      if (isPlausible(face)) faces.push(face);
    }
    return faces.sort((a, b) => areaOf(b.box) - areaOf(a.box));
  }

  /** The landmarks of a face that is known to lie in this box. */
  landmarks(image: Rgb8, box: Box): Promise<Point[]> {
    return this.landmarker.find(image, box);
  }

  async release(): Promise<void> {
    await this.net.release();
    await this.landmarker.release();
  }

  private async boxes(image: Rgb8): Promise<ScoredBox[]> {
    const longer = Math.max(image.width, image.height);
    const [width, height] = [image.width, image.height].map((n) =>
      Math.max(1, Math.round((n / longer) * DETECTOR_SIZE)),
    );
    const data = letterbox(await resize(image, width!, height!), DETECTOR_SIZE);
    const shape = [1, 3, DETECTOR_SIZE, DETECTOR_SIZE];
    const { boxes, scores } = await this.net.run({ image: { data, shape } });
    const found: ScoredBox[] = [];
    scores!.data.forEach((score, i) => {
      if (score < MIN_SCORE) return;
      const [top, left, bottom, right] = Array.from(
        boxes!.data.subarray(4 * i, 4 * i + 4),
        (n) => n * longer,
      );
      const box = within({ x: left!, y: top!, width: right! - left!, height: bottom! - top! }, image);
      if (areaOf(box) >= 1) found.push({ box, score: Math.min(1, score) });
    });
    return suppress(found, MAX_OVERLAP).slice(0, MAX_FACES);
  }
}
