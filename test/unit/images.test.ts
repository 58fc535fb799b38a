import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { areaTensor, tensorToRgb8 } from '../../src/images/tensors.js';
import { contactSheet, encodeTensor, encodeUpright, toTensor, upright } from '../../src/images.js';

/** 2 x 3 pixels, every one another colour. */
const WIDTH = 2;
const HEIGHT = 3;
const PIXELS = [
  [250, 10, 20], [10, 240, 30],
  [20, 30, 230], [200, 190, 10],
  [15, 180, 200], [128, 128, 128],
]; // biome-ignore format: pixels as they lie
const raw = { raw: { width: WIDTH, height: HEIGHT, channels: 3 } } as const;
const small = () => sharp(Uint8Array.from(PIXELS.flat()), raw);

const plain = (background: string | { r: number; g: number; b: number; alpha: number }) =>
  sharp({ create: { width: 64, height: 48, channels: 4, background } });

/** Mean colour of a picture as the service decodes it. */
async function colour(bytes: Uint8Array): Promise<number[]> {
  const { data } = await upright(bytes);
  return [0, 1, 2].map(
    (c) => data.filter((_, i) => i % 3 === c).reduce((a, b) => a + b, 0) / (data.length / 3),
  );
}

function expectNear(actual: ArrayLike<number>, expected: readonly number[], tolerance: number) {
  const most = Math.max(...expected.map((x, i) => Math.abs(actual[i]! - x)));
  expect(most, `${Array.from(actual)} against ${expected}`).toBeLessThanOrEqual(tolerance);
}

describe('upright', () => {
  /** Where the stored picture keeps pixel (x, y) of the upright one, for each EXIF orientation. */
  const stored: Record<number, (x: number, y: number) => [number, number]> = {
    1: (x, y) => [x, y],
    2: (x, y) => [WIDTH - 1 - x, y],
    3: (x, y) => [WIDTH - 1 - x, HEIGHT - 1 - y],
    4: (x, y) => [x, HEIGHT - 1 - y],
    5: (x, y) => [y, x],
    6: (x, y) => [y, WIDTH - 1 - x],
    7: (x, y) => [HEIGHT - 1 - y, WIDTH - 1 - x],
    8: (x, y) => [HEIGHT - 1 - y, x],
  };

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('undoes EXIF orientation %i', async (orientation) => {
    const turned = orientation >= 5;
    const [width, height] = turned ? [HEIGHT, WIDTH] : [WIDTH, HEIGHT];
    const data = new Uint8Array(3 * PIXELS.length);
    PIXELS.forEach((pixel, i) => {
      const [x, y] = stored[orientation]!(i % WIDTH, Math.floor(i / WIDTH));
      data.set(pixel, 3 * (y * width + x));
    });
    const bytes = await sharp(data, { raw: { width, height, channels: 3 } })
      .withMetadata({ orientation })
      .png()
      .toBuffer();
    const image = await upright(bytes);
    expect([image.width, image.height]).toEqual([WIDTH, HEIGHT]);
    expect([...image.data]).toEqual(PIXELS.flat());
  });

  it('lays transparency over white', async () => {
    const bytes = await plain({ r: 200, g: 0, b: 0, alpha: 0.5 }).png().toBuffer();
    expectNear(await colour(bytes), [227.5, 127.5, 127.5], 1.5);
  });

  it('reduces 16 bits to 8', async () => {
    const data = Uint16Array.from({ length: 3 * 64 }, (_, i) => [51400, 25700, 1285][i % 3]!);
    const bytes = await sharp(data, { raw: { width: 8, height: 8, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    expect((await sharp(bytes).metadata()).depth).toBe('ushort');
    expectNear(await colour(bytes), [200, 100, 5], 1);
  });

  it('makes three channels of grey', async () => {
    const bytes = await plain('#646464').flatten().toColourspace('b-w').png().toBuffer();
    expect((await sharp(bytes).metadata()).channels).toBe(1);
    expectNear(await colour(bytes), [100, 100, 100], 1);
  });

  it('makes three channels of grey with transparency', async () => {
    const bytes = await plain({ r: 0, g: 0, b: 0, alpha: 0.5 }).toColourspace('b-w').png().toBuffer();
    expect((await sharp(bytes).metadata()).channels).toBe(2);
    expectNear(await colour(bytes), [127.5, 127.5, 127.5], 1.5);
  });

  it('converts CMYK to colours that look alike', async () => {
    const bytes = await plain('#a08070').flatten().toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
    expect((await sharp(bytes).metadata()).space).toBe('cmyk');
    expectNear(await colour(bytes), [160, 128, 112], 10);
  });

  it('converts an embedded wide-gamut profile to sRGB', async () => {
    const bytes = await plain('#c86432').flatten().withIccProfile('p3').png().toBuffer();
    const stored = await sharp(bytes).metadata();
    expect(stored.icc).toBeDefined();
    expectNear(await colour(bytes), [200, 100, 50], 4);
  });
});

describe('encodeUpright', () => {
  it('turns the pixels and leaves out place, camera and orientation', async () => {
    const exif = {
      IFD0: { Model: 'SecretCam' },
      IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 30/1 0/1' },
    };
    const bytes = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#808080' } })
      .withExif(exif)
      .withMetadata({ orientation: 6, exif })
      .jpeg()
      .toBuffer();
    expect(bytes.includes('SecretCam')).toBe(true);
    const out = Buffer.from(await encodeUpright(bytes));
    const { width, height, exif: left, orientation, icc, xmp } = await sharp(out).metadata();
    expect({ width, height, left, orientation, icc, xmp }).toEqual({ width: 48, height: 64 });
    expect(out.includes('SecretCam') || out.includes('Exif')).toBe(false);
  });
});

describe('toTensor', () => {
  it('gives planes of -1..1 that are exact area means', async () => {
    const bytes = await small().resize(8, 12, { kernel: 'nearest' }).png().toBuffer();
    const tensor = await toTensor(bytes, 2);
    // Each output pixel covers 4 x 6 pixels: one and a half of the original ones.
    const mean = (a: number[], b: number[], c: number) => (2 * a[c]! + b[c]!) / 3 / 127.5 - 1;
    for (let c = 0; c < 3; c++) {
      const plane = tensor.subarray(4 * c, 4 * c + 4);
      const top = [mean(PIXELS[0]!, PIXELS[2]!, c), mean(PIXELS[1]!, PIXELS[3]!, c)];
      const low = [mean(PIXELS[4]!, PIXELS[2]!, c), mean(PIXELS[5]!, PIXELS[3]!, c)];
      expectNear(plane, [...top, ...low], 1e-5);
    }
  });

  it('enlarges what is smaller than the tensor', async () => {
    const tensor = await toTensor(await plain('#ff0000').flatten().png().toBuffer(), 100);
    expectNear(tensor.subarray(0, 1), [1], 1e-6);
    expectNear(tensor.subarray(10000, 10001), [-1], 1e-6);
    expect(tensor).toHaveLength(30000);
  });

  it('keeps the mean at sizes that do not divide', () => {
    const data = Uint8Array.from({ length: 3 * 7 * 5 }, (_, i) => (i * 37) % 256);
    const mean = data.reduce((a, b) => a + b, 0) / data.length / 127.5 - 1;
    const tensor = areaTensor({ data, width: 7, height: 5 }, 3);
    expect(tensor.reduce((a, b) => a + b, 0) / tensor.length).toBeCloseTo(mean, 5);
  });
});

describe('encodeTensor', () => {
  const tensor = Float32Array.from({ length: 3 * 32 * 32 }, (_, i) => [3, -2, 0][Math.floor(i / 1024)]!);

  it.each(['png', 'jpeg', 'webp'] as const)(
    'clips to 0..255 and writes %s without metadata',
    async (format) => {
      const bytes = await encodeTensor(tensor, 32, 32, { format });
      const { format: read, exif, icc } = await sharp(bytes).metadata();
      expect({ format: read, exif, icc }).toEqual({ format });
      expectNear(await colour(bytes), [255, 0, 127.5], 3);
    },
  );

  it('scales to the asked width', async () => {
    const { width, height } = await upright(await encodeTensor(tensor, 32, 32, { format: 'jpeg', size: 16 }));
    expect([width, height]).toEqual([16, 16]);
  });

  it('returns to the same pixels through a tensor of the same size', () => {
    const data = Uint8Array.from({ length: 3 * 256 }, (_, i) => i % 256);
    const image = { data, width: 16, height: 16 };
    expect(tensorToRgb8(areaTensor(image, 16), 16, 16)).toEqual(image);
  });

  it('refuses a tensor that does not fill its shape', async () => {
    const encoding = encodeTensor(tensor, 32, 31, { format: 'png' });
    await expect(encoding).rejects.toThrow('Expected 2976 values for an image [3,31,32] but received 3072');
  });
});

describe('contactSheet', () => {
  it('lays rows of pictures out with a label under each', async () => {
    const red = await plain('#ff0000').flatten().png().toBuffer();
    const blue = await plain('#0000ff').flatten().png().toBuffer();
    const row = [
      { image: red, label: 'a < b & c' },
      { image: blue, label: 'linear 0.7' },
    ];
    const { data, width, height } = await upright(
      await contactSheet([row, [{ image: red, label: '' }]], { cell: 64 }),
    );
    expect([width, height]).toEqual([12 + 2 * 76, 12 + 2 * (64 + 30 + 12)]);
    const at = (x: number, y: number) => [...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];
    expect(at(12 + 32, 12 + 32)).toEqual([255, 0, 0]);
    expect(at(12 + 76 + 32, 12 + 32)).toEqual([0, 0, 255]);
    expect(at(12 + 76 + 32, 12 + 106 + 32)).toEqual([255, 255, 255]);
    const label = data.subarray(3 * width * (12 + 64 + 4), 3 * width * (12 + 64 + 28));
    expect(Math.min(...label)).toBeLessThan(100);
  });
});
