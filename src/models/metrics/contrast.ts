/** How much of a photo's contrast an image has. */

/** Share of red, green and blue in the luminance (ITU-R BT.709). */
const LUMINANCE = [0.2126, 0.7152, 0.0722] as const;
/** Least contrast of a photo: an evenly grey one has none. Values -1..1. */
const FLOOR = 0.02;

/** Standard deviation of the luminance of `image` over that of `photo`: both [3,S,S] flat. 0 for an even image. */
export function contrastShare(image: Float32Array, photo: Float32Array): number {
  return deviation(image) / Math.max(deviation(photo), FLOOR);
}

function deviation(image: Float32Array): number {
  const pixels = image.length / 3;
  let [sum, squares] = [0, 0];
  for (let i = 0; i < pixels; i++) {
    const y = LUMINANCE.reduce((total, share, channel) => total + share * image[channel * pixels + i]!, 0);
    sum += y;
    squares += y * y;
  }
  return Math.sqrt(Math.max(0, squares / pixels - (sum / pixels) ** 2));
}
