import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSession, type Session } from '../../../src/engine/session.js';
import { DETECTOR_SIZE, detectorGraph } from '../../../src/models/face/detector-graph.js';
import { DESCRIPTOR_SIZE, IDENTITY_SIZE, identityGraph } from '../../../src/models/face/identity-graph.js';
import { LANDMARK_SIZE, landmarkGraph } from '../../../src/models/face/landmark-graph.js';
import { readFaceWeights } from '../../../src/models/face/weights.js';
import { writeOnnx } from '../../../src/models/graph/write-onnx.js';
import { pattern } from '../../support/pattern.js';

interface Golden {
  every: number;
  scores: number[];
  boxes: number[][];
  landmarks: number[];
  descriptor: number[];
}

const golden: Golden = JSON.parse(
  readFileSync(new URL('../../golden/face-nets.json', import.meta.url), 'utf8'),
);
const cpu = { device: 'cpu', threads: 2 } as const;

/** Largest absolute difference. */
const distance = (a: ArrayLike<number>, b: readonly number[]) =>
  b.reduce((most, x, i) => Math.max(most, Math.abs(a[i]! - x)), 0);

describe('the face nets as ONNX graphs agree with their own library', () => {
  let detector: Session;
  let landmarker: Session;
  let identity: Session;

  beforeAll(async () => {
    detector = await openSession(writeOnnx(detectorGraph(await readFaceWeights('ssd_mobilenetv1'))), cpu);
    landmarker = await openSession(
      writeOnnx(landmarkGraph(await readFaceWeights('face_landmark_68'), 2)),
      cpu,
    );
    identity = await openSession(writeOnnx(identityGraph(await readFaceWeights('face_recognition'), 2)), cpu);
  });

  afterAll(async () => {
    await detector?.release();
    await landmarker?.release();
    await identity?.release();
  });

  it('in every box and score of the detector', async () => {
    const data = pattern(DETECTOR_SIZE).map((x) => x / 127.5 - 1);
    const out = await detector.run({ image: { data, shape: [1, 3, DETECTOR_SIZE, DETECTOR_SIZE] } });
    const scores = golden.scores.map((_, i) => out.scores!.data[i * golden.every]!);
    expect(distance(scores, golden.scores)).toBeLessThan(1e-4);
    golden.boxes.forEach((box, i) => {
      const at = 4 * i * golden.every;
      expect(distance(out.boxes!.data.subarray(at, at + 4), box)).toBeLessThan(2e-3);
    });
  });

  it('in all 68 landmarks, at every place of a batch', async () => {
    const face = pattern(LANDMARK_SIZE);
    const data = new Float32Array(2 * face.length);
    data.set(face, face.length);
    const out = await landmarker.run({ faces: { data, shape: [2, 3, LANDMARK_SIZE, LANDMARK_SIZE] } });
    expect(distance(out.landmarks!.data.subarray(136), golden.landmarks)).toBeLessThan(1e-4);
  });

  it('in the whole descriptor, at every place of a batch', async () => {
    const face = pattern(IDENTITY_SIZE);
    const data = new Float32Array(2 * face.length);
    data.set(face, face.length);
    const out = await identity.run({ faces: { data, shape: [2, 3, IDENTITY_SIZE, IDENTITY_SIZE] } });
    expect(golden.descriptor).toHaveLength(DESCRIPTOR_SIZE);
    expect(distance(out.descriptors!.data.subarray(DESCRIPTOR_SIZE), golden.descriptor)).toBeLessThan(1e-5);
  });
});

describe('weights of the face nets', () => {
  it('are refused when one is left over', async () => {
    const weights = await readFaceWeights('face_landmark_68');
    weights.take('fc/bias', [136]);
    expect(() => weights.finish()).toThrow(/fc\/weights/);
  });

  it('are refused when one is taken in another shape', async () => {
    const weights = await readFaceWeights('face_landmark_68');
    expect(() => weights.take('fc/bias', [68])).toThrow(
      "Expected shape [68] for the weight 'fc/bias' but received [136]",
    );
  });
});
