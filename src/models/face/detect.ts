/** Finds faces and their 68 landmarks in a photo. */
import type { Detection, Face, Point } from '../../contracts.js';
import type { Rgb8 } from '../../images/tensors.js';
import { resize, upright } from '../../images.js';
import { writeOnnx } from '../graph/write-onnx.js';
import { areaOf, type Box, isPlausible, type ScoredBox, suppress } from './boxes.js';
import { cropFace, letterbox } from './crops.js';
import { DETECTOR_SIZE, detectorGraph } from './detector-graph.js';
import { LANDMARK_SIZE, landmarkGraph } from './landmark-graph.js';
import { readFaceWeights } from './weights.js';

const MIN_SCORE = 0.5;
const MAX_OVERLAP = 0.5;
const MAX_FACES = 64;

/** What the detector needs of an inference session: feeds and outputs by name. */
export interface Net {
  run(
    feeds: Record<string, { data: Float32Array; shape: readonly number[] }>,
  ): Promise<Record<string, { data: Float32Array }>>;
  release(): Promise<void>;
}

/** Opens a session for the bytes of an ONNX model. */
export type OpenNet = (model: Uint8Array) => Promise<Net>;

export class FaceDetector {
  private constructor(
    private readonly detector: Net,
    private readonly landmarker: Net,
  ) {}

  /** Converts the weights of the installed face-api package (local files only) and opens both nets. */
  static async load(open: OpenNet): Promise<FaceDetector> {
    const detector = detectorGraph(await readFaceWeights('ssd_mobilenetv1'));
    const landmarker = landmarkGraph(await readFaceWeights('face_landmark_68'), 1);
    return new FaceDetector(await open(writeOnnx(detector)), await open(writeOnnx(landmarker)));
  }

  /**
   * Faces of an encoded photo, largest first, in pixels of the upright photo. A photo without a face gives an empty
   * list. Throws IMAGE_UNREADABLE.
   */
  async detect(photo: Uint8Array): Promise<Detection> {
    const image = await upright(photo);
    const faces: Face[] = [];
    for (const { box, score } of await this.boxes(image)) {
      const face = { box, score, landmarks: await this.landmarks(image, box) };
      if (isPlausible(face)) faces.push(face);
    }
    faces.sort((a, b) => areaOf(b.box) - areaOf(a.box));
    return { width: image.width, height: image.height, faces };
  }

  async release(): Promise<void> {
    await this.detector.release();
    await this.landmarker.release();
  }

  private async boxes(image: Rgb8): Promise<ScoredBox[]> {
    const longer = Math.max(image.width, image.height);
    const [width, height] = [image.width, image.height].map((n) =>
      Math.max(1, Math.round((n / longer) * DETECTOR_SIZE)),
    );
    const data = letterbox(await resize(image, width!, height!), DETECTOR_SIZE);
    const { boxes, scores } = await this.detector.run({
      image: { data, shape: [1, 3, DETECTOR_SIZE, DETECTOR_SIZE] },
    });
    const found: ScoredBox[] = [];
    scores!.data.forEach((score, i) => {
      if (score < MIN_SCORE) return;
      const [top, left, bottom, right] = boxes!.data.subarray(4 * i, 4 * i + 4);
      const box = clip(left! * longer, top! * longer, right! * longer, bottom! * longer, image);
      if (areaOf(box) > 0) found.push({ box, score: Math.min(1, score) });
    });
    return suppress(found, MAX_OVERLAP).slice(0, MAX_FACES);
  }

  private async landmarks(image: Rgb8, box: Box): Promise<Point[]> {
    const { data, left, top, side } = await cropFace(image, box, LANDMARK_SIZE);
    const shape = [1, 3, LANDMARK_SIZE, LANDMARK_SIZE];
    const { landmarks } = await this.landmarker.run({ faces: { data, shape } });
    const at = landmarks!.data;
    return Array.from({ length: 68 }, (_, i) => [left + at[2 * i]! * side, top + at[2 * i + 1]! * side]);
  }
}

function clip(left: number, top: number, right: number, bottom: number, image: Rgb8): Box {
  const [x, y] = [Math.max(0, left), Math.max(0, top)];
  const [width, height] = [Math.min(image.width, right) - x, Math.min(image.height, bottom) - y];
  return { x, y, width: Math.max(0, width), height: Math.max(0, height) };
}
