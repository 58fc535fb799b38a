/** The colour transfer that the smooth field is compared with (Reinhard et al. 2001, equations 10 to 11), in Oklab. */
import type { Rgb8 } from '../../src/images/tensors.js';

type Triple = readonly [number, number, number];

/** sRGB levels -> Oklab (Ottosson 2020). */
function toLab(rgb: Triple): Triple {
  const [r, g, b] = rgb.map((v) => (v <= 10.31475 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4)) as [
    number,
    number,
    number,
  ];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function fromLab([L, a, b]: Triple): Triple {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return linear.map((v) => 255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055)) as [
    number,
    number,
    number,
  ];
}

const pixel = ({ data }: Rgb8, i: number): Triple => [data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!];

/** The face with mean and standard deviation of each channel as in the photo; both statistics from `face` and `shown`, alike in size. */
export function reinhard(face: Rgb8, small: Rgb8, shown: Rgb8, weights: Float32Array): Rgb8 {
  const [own, wanted] = [momentsOf(small, weights), momentsOf(shown, weights)];
  const data = new Uint8ClampedArray(face.data.length);
  for (let i = 0; i < face.width * face.height; i++) {
    const lab = toLab(pixel(face, i)).map(
      (v, c) => (v - own.mean[c]!) * (wanted.deviation[c]! / own.deviation[c]!) + wanted.mean[c]!,
    ) as [number, number, number];
    data.set(fromLab(lab), 3 * i);
  }
  return { ...face, data: new Uint8Array(data.buffer) };
}

function momentsOf(image: Rgb8, weights: Float32Array): { mean: number[]; deviation: number[] } {
  let total = 0;
  const [first, second] = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  weights.forEach((weight, i) => {
    if (weight === 0) return;
    total += weight;
    toLab(pixel(image, i)).forEach((v, c) => {
      first![c]! += weight * v;
      second![c]! += weight * v * v;
    });
  });
  const mean = first!.map((sum) => sum / total);
  const deviation = second!.map((sum, c) => Math.sqrt(Math.max(1e-12, sum / total - mean[c]! ** 2)));
  return { mean, deviation };
}
