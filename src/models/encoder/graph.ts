/** The closed-form start of a projection as a graph. */
import type { VggWeights } from '../convert/vgg16.js';
import { GraphBuilder } from '../graph/builder.js';
import type { Graph, Value } from '../graph/ir.js';
import { f32 } from '../graph/tensor.js';
import { latentOf } from '../stylegan/latent-space.js';
import { ENCODED_SIZE, featureBlocks } from './features.js';
import { dequantised, type EncoderWeights, type Quantised } from './weights.js';

/**
 * `image` [1,3,256,256] -1..1, an aligned face -> `w` [1,styles,dim]: a ridge regression from features of VGG-16 to the
 * latents, fitted on samples of the generator (docs/decisions/0007-closed-form-start.md).
 */
export function encoderGraph(
  { channels, encode, decode, offset }: EncoderWeights,
  convs: VggWeights['convs'],
  styles: number,
): Graph {
  const b = new GraphBuilder('encoder');
  const image = b.input('image', 'float32', [1, 3, ENCODED_SIZE, ENCODED_SIZE]);
  const matrix = (name: string, m: Quantised): Value =>
    b.constant(f32(dequantised(m), [m.rows, m.columns]), name);
  const parts = featureBlocks(b, convs, image).map((block, i) => {
    const kept = channels[i];
    const reduced = kept ? b.op('MatMul', [matrix(`channels${i}`, kept), block]) : block;
    return b.op('Reshape', [reduced, b.ints([-1, 1])]);
  });
  const features = b.op('Concat', parts, { axis: 0 });
  const code = b.op('MatMul', [matrix('encode', encode), features]);
  const found = b.op('MatMul', [matrix('decode', decode), code]);
  const x = b.op('Add', [
    b.op('Reshape', [found, b.ints([1, styles, offset.length / styles])]),
    b.constant(f32(offset, [1, styles, offset.length / styles]), 'offset'),
  ]);
  b.output(latentOf(b, x), 'w');
  return b.build();
}
