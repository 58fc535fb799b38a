/** The latent and the picture of test/golden/step/make.py, by its formulas, and what PyTorch made of them. */
import { readFileSync } from 'node:fs';

export const golden = JSON.parse(
  readFileSync(new URL('../golden/step/golden.json', import.meta.url), 'utf8'),
) as {
  perceptual: { loss: number; gradient: string };
  pixel: { loss: number; gradient: string };
  /** Gradient of the perceptual loss and `weight` times LPIPS. */
  lpips: { weight: number; gradient: string };
  adam: { rate: number; losses: number[]; latent: string };
};

/** The float32 numbers of a base64 text. */
export const unpack = (text: string) => new Float32Array(new Uint8Array(Buffer.from(text, 'base64')).buffer);

/** Latent [16,512] of which the golden losses are. */
export const goldenLatent = Float32Array.from({ length: 16 * 512 }, (_, i) => {
  const [layer, attribute] = [Math.floor(i / 512), i % 512];
  return 0.4 * Math.sin(1.7 * layer + 0.37 * attribute * (1 + 0.05 * layer));
});

/** The target [3,256,256], -1..1. */
export const waves = Float32Array.from({ length: 3 * 256 * 256 }, (_, i) => {
  const [channel, y, x] = [Math.floor(i / 65536), Math.floor(i / 256) % 256, i % 256];
  return 0.8 * Math.sin(0.05 * (channel + 1) * x + 0.03 * y) * Math.cos(0.02 * y);
});
