/** One graph that tells how near an image comes to a photo, by every distance that the field reports. */
import { lpipsEmbeddings, VGG_LAYERS, type VggWeights, vggStack } from '../convert/vgg16.js';
import { GraphBuilder } from '../graph/builder.js';
import type { Graph } from '../graph/ir.js';
import { norm } from '../stylegan/loss.js';
import { lpips } from '../stylegan/lpips.js';
import { msSsim } from './ms-ssim.js';
import { asShown, meanSquaredError, peakSignalToNoise } from './pixel-distances.js';

/** Side at which images are compared. */
export const MEASURED_SIZE = 256;

const LAYERS = Object.keys(VGG_LAYERS) as (keyof typeof VGG_LAYERS)[];
/** Outputs of the graph. */
export const MEASURES = [...LAYERS, 'pixel', 'lpips', 'mse', 'psnr', 'msSsim'] as const;

/**
 * `image`, `target` [N,3,256,256] -1..1 -> one value for each pair, all [N]:
 * `conv1_1`, `conv1_2`, `conv3_2`, `conv4_2`: the terms of the paper's loss, ||A_i(image) - A_i(target)||_2;
 * `pixel`: ||image - target||_2 (times lambda_pixel, the loss's last term);
 * `lpips`; and over the pictures as shown, 0..1 and clipped: `mse`, `psnr` in dB, `msSsim`.
 *
 * VGG-16 sees each image once.
 */
export function measureGraph({ convs, heads }: VggWeights): Graph {
  const b = new GraphBuilder('measure');
  const shape = [1, 3, MEASURED_SIZE, MEASURED_SIZE];
  const image = b.input('image', 'float32', shape);
  const target = b.input('target', 'float32', shape);
  const layers = vggStack(b, convs, 'vgg.');
  const [seen, wanted] = [layers(image, 'image.'), layers(target, 'target.')];
  for (const name of LAYERS) {
    const i = VGG_LAYERS[name];
    b.output(norm(b, b.op('Sub', [seen[i]!, wanted[i]!])), name);
  }
  b.output(norm(b, b.op('Sub', [image, target])), 'pixel');
  b.output(lpips(b, lpipsEmbeddings(b, heads, seen), lpipsEmbeddings(b, heads, wanted)), 'lpips');
  const [shown, photo] = [asShown(b, image), asShown(b, target)];
  const mse = meanSquaredError(b, shown, photo);
  b.output(mse, 'mse');
  b.output(peakSignalToNoise(b, mse), 'psnr');
  b.output(msSsim(b, shown, photo), 'msSsim');
  return b.build();
}
