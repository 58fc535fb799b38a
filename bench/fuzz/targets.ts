/** What `npm run fuzz:inputs` feeds, by name. */
import { imageTarget } from './images.js';
import { latentTarget } from './latents.js';
import { multipartTarget } from './multipart.js';
import { onnxTarget } from './onnx.js';
import { openVinoTarget } from './openvino.js';
import { pickleTarget } from './pickle.js';
import type { Target } from './target.js';

interface Row {
  /** Part of all inputs, in percent: readers that are quick take most of them. */
  readonly share: number;
  readonly make: () => Promise<Target>;
}

export const TARGETS = {
  pickle: { share: 29, make: pickleTarget },
  openvino: { share: 25, make: openVinoTarget },
  onnx: { share: 18, make: onnxTarget },
  latents: { share: 18, make: latentTarget },
  multipart: { share: 6, make: multipartTarget },
  images: { share: 4, make: imageTarget },
} as const satisfies Readonly<Record<string, Row>>;

export type TargetName = keyof typeof TARGETS;

export const isTargetName = (name: string): name is TargetName => Object.hasOwn(TARGETS, name);
