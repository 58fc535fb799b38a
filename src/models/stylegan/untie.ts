/** Tied styles: a latent of few free vectors stands for one in which each is repeated. */

/** [styles, dim] flat -> [layers, dim] flat: every free style vector is written out for its group of consecutive layers. */
export function untied(
  latent: Float32Array,
  { layers, dim }: { layers: number; dim: number },
): Float32Array<ArrayBuffer> {
  const group = (layers * dim) / latent.length;
  return Float32Array.from({ length: layers * dim }, (_, i) => {
    const layer = Math.floor(i / dim);
    return latent[Math.floor(layer / group) * dim + (i % dim)]!;
  });
}
