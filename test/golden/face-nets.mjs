/**
 * Makes face-nets.json: what the face nets give in their own library, @vladmandic/face-api on the pure JavaScript
 * backend of TensorFlow.js that its bundle carries, for the picture of test/support/pattern.ts.
 *
 *   node test/golden/face-nets.mjs > test/golden/face-nets.json
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

// The bundle is written for browsers: without a document it looks for modules of Node that it does not carry.
globalThis.window = { document: {} };
for (const level of ['log', 'warn', 'error']) console[level] = () => undefined;
const root = dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json'));
const { tf, nets, version } = await import(join(root, 'dist', 'face-api.esm.js'));
delete globalThis.window;
await tf.setBackend('cpu');

function load(net, name) {
  const [group] = JSON.parse(readFileSync(join(root, 'model', `${name}_model-weights_manifest.json`), 'utf8'));
  const bytes = new Uint8Array(readFileSync(join(root, 'model', `${name}_model.bin`)));
  net.loadFromWeightMap(tf.io.decodeWeights(bytes.buffer, group.weights));
}

/** The picture of test/support/pattern.ts as [size,size,3]. */
function pattern(size) {
  const data = new Int32Array(3 * size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      for (let c = 0; c < 3; c++) {
        const wave = Math.sin((5 + c) * (x / size) + 9 * (y / size) ** 2) * Math.cos(7 * (x / size) * (y / size) + c);
        data[(y * size + x) * 3 + c] = Math.round(127.5 + 120 * wave);
      }
    }
  }
  return tf.tensor3d(data, [size, size, 3], 'int32');
}

load(nets.ssdMobilenetv1, 'ssd_mobilenetv1');
load(nets.faceLandmark68Net, 'face_landmark_68');
load(nets.faceRecognitionNet, 'face_recognition');
const detected = await nets.ssdMobilenetv1.forward(pattern(512));
const [boxes, scores] = [await detected.boxes[0].data(), await detected.scores[0].data()];
const every = 37;
const rows = Array.from({ length: Math.ceil(scores.length / every) }, (_, i) => i * every);
const landmarks = await (await nets.faceLandmark68Net.forward(pattern(112))).data();
const descriptor = await (await nets.faceRecognitionNet.forward(pattern(150))).data();
const round = (x) => Number(x.toPrecision(7));
process.stdout.write(
  `${JSON.stringify({
    source: `@vladmandic/face-api ${version.faceapi ?? version}, TensorFlow.js CPU backend`,
    command: 'node test/golden/face-nets.mjs > test/golden/face-nets.json',
    every,
    scores: rows.map((i) => round(scores[i])),
    boxes: rows.map((i) => Array.from(boxes.slice(4 * i, 4 * i + 4), round)),
    landmarks: Array.from(landmarks, round),
    descriptor: Array.from(descriptor, round),
  })}\n`,
);
