import { describe, expect, it } from 'vitest';
import type { Point, Quad } from '../../../src/contracts.js';
import type { Rgb8 } from '../../../src/images/tensors.js';
import { warp } from '../../../src/models/face/warp.js';

type Colour = (x: number, y: number) => readonly [number, number, number];

/** A picture whose pixel centres have the colour of that place: x and y from the photo's top left corner. */
function painted(width: number, height: number, colour: Colour): Rgb8 {
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set(colour(x + 0.5, y + 0.5).map(Math.round), 3 * (y * width + x));
  }
  return { data, width, height };
}

/** Red rises to the right and green downwards, a half level per pixel; blue stays. */
const gradient: Colour = (x, y) => [x / 2, y / 2, 77];

function square(cx: number, cy: number, side: number, degrees: number): Quad {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const corner = (u: number, v: number): Point => [
    cx + (side / 2) * (u * cos - v * sin),
    cy + (side / 2) * (u * sin + v * cos),
  ];
  return [corner(-1, -1), corner(-1, 1), corner(1, 1), corner(1, -1)];
}

/** Largest deviation of the warped picture from the colour at the place that each output pixel shows. */
function deviation(out: Rgb8, [a, b, , d]: Quad, colour: Colour): number {
  let most = 0;
  for (let y = 0; y < out.height; y++) {
    for (let x = 0; x < out.width; x++) {
      const [u, v] = [(x + 0.5) / out.width, (y + 0.5) / out.height];
      const at = colour(
        a[0] + u * (d[0] - a[0]) + v * (b[0] - a[0]),
        a[1] + u * (d[1] - a[1]) + v * (b[1] - a[1]),
      );
      at.forEach((value, c) => {
        most = Math.max(most, Math.abs(out.data[3 * (y * out.width + x) + c]! - value));
      });
    }
  }
  return most;
}

const pixel = (image: Rgb8, x: number, y: number) => [
  ...image.data.subarray(3 * (y * image.width + x), 3 * (y * image.width + x) + 3),
];

describe('warp', () => {
  const photo = painted(500, 500, gradient);

  it.each([
    ['upright, enlarged', square(250, 250, 40, 0)],
    ['upright, at its own size', square(250, 250, 64, 0)],
    ['turned by 30 degrees', square(240, 260, 150, 30)],
    ['turned by 120 degrees and reduced', square(250, 250, 250, 120)],
    ['reduced so much that the photo is shrunk first', square(250, 250, 330, 17)],
  ])('shows every place where the quad puts it: %s', async (_, quad) => {
    expect(deviation(await warp(photo, quad, 64), quad, gradient)).toBeLessThan(1.2);
  });

  it('averages exactly the pixels it covers when the quad lies on the grid', async () => {
    const noise = painted(100, 100, (x, y) => [(x * 91 + y * 57) % 256, (x * y) % 256, (x * 13) % 256]);
    const out = await warp(noise, [[20, 30], [20, 62], [52, 62], [52, 30]], 16); // biome-ignore format: corners
    const mean = [0, 1, 2].map(
      (c) => [[20, 30], [21, 30], [20, 31], [21, 31]].reduce((sum, [x, y]) => sum + pixel(noise, x!, y!)[c]! / 4, 0), // biome-ignore format: places
    );
    pixel(out, 0, 0).forEach((value, c) => {
      expect(Math.abs(value - mean[c]!)).toBeLessThanOrEqual(0.5);
    });
  });

  it('does not alias: a fine pattern reduced eight times becomes even grey', async () => {
    const stripes = painted(640, 640, (x) => (Math.floor(x) % 2 ? [255, 255, 255] : [0, 0, 0]));
    const { data } = await warp(stripes, square(320, 320, 480, 0), 60);
    expect(Math.max(...data) - Math.min(...data)).toBeLessThan(12);
    expect(data.reduce((a, b) => a + b, 0) / data.length).toBeCloseTo(127.5, -1);
  });

  it('leaves the photo itself sharp and mirrors it softly beyond its border', async () => {
    const halves = painted(400, 400, (_, y) => (y < 60 ? [220, 30, 30] : [30, 30, 220]));
    // The upper third of the square lies above the photo.
    const quad = square(200, 100, 300, 0);
    const out = await warp(halves, quad, 150);
    const rowOf = (y: number) => Math.round((y - -50) / 2);
    expect(pixel(out, 75, rowOf(200))).toEqual([30, 30, 220]);
    expect(pixel(out, 75, rowOf(-10))[0]).toBeGreaterThan(150);
    expect(Math.min(...out.data)).toBeGreaterThanOrEqual(25);
  });

  it('fades to the median colour far outside', async () => {
    const dark = painted(100, 100, (x) => (x < 20 ? [250, 250, 250] : [40, 60, 80]));
    const out = await warp(dark, square(-80, 50, 200, 0), 100);
    pixel(out, 2, 50).forEach((value, c) => {
      expect(Math.abs(value - [40, 60, 80][c]!)).toBeLessThanOrEqual(3);
    });
  });

  it.each([
    [1, 1],
    [1, 300],
    [3, 2],
  ])('fills the square from a photo of %i x %i pixels', async (width, height) => {
    const out = await warp(
      painted(width, height, () => [9, 90, 190]),
      square(0, 0, 50, 10),
      32,
    );
    expect(new Set(out.data)).toEqual(new Set([9, 90, 190]));
  });
});
