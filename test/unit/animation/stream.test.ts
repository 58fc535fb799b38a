/** The containers, read back by another program: libvips, through sharp. */
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { type Animation, animationStream } from '../../../src/animation/stream.js';
import { encodeTensor } from '../../../src/images.js';

const SIZE = 64;

/** Stripes that move with the frame over a colour that tells it. */
function picture(frame: number, size: number): Float32Array {
  return Float32Array.from({ length: 3 * size * size }, (_, i) => {
    const [channel, x] = [Math.floor(i / size ** 2), i % size];
    return channel === 0 ? frame / 5 - 1 : 0.5 * Math.sin((x + 7 * frame) / 3 + channel);
  });
}

function animation(patch: Partial<Animation> & { format: 'gif' | 'webp' }) {
  const asked: [number, number][] = [];
  const size = patch.size ?? SIZE;
  const still = async (frame: number, quality: number): Promise<Uint8Array> => {
    asked.push([frame, quality]);
    return encodeTensor(picture(frame, size), size, size, { format: patch.format, quality });
  };
  return { asked, size, frames: 6, seconds: 1, loop: 0, quality: 80, still, ...patch };
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

/** Mean red of each frame, 0..255. */
async function reds(bytes: Buffer, frames: number): Promise<number[]> {
  const means: number[] = [];
  for (let page = 0; page < frames; page++) {
    const { channels } = await sharp(bytes, { page }).removeAlpha().stats();
    means.push(channels[0]!.mean);
  }
  return means;
}

// The service itself reads no GIF; these tests do.
sharp.unblock({ operation: ['VipsForeignLoadNsgifBuffer'] });

describe.each(['gif', 'webp'] as const)('%s', (format) => {
  test('holds every frame, its delay, and how often it is shown', async () => {
    const source = animation({ format, loop: 3 });
    const bytes = await bytesOf(animationStream(format, source));
    const meta = await sharp(bytes).metadata();
    expect(meta).toMatchObject({ format, width: SIZE, height: SIZE, pages: 6, loop: 3 });
    const unit = format === 'gif' ? 10 : 1;
    expect(meta.delay!.reduce((sum, delay) => sum + delay)).toBe(1000);
    expect(meta.delay!.every((delay) => Math.abs(delay - 1000 / 6) <= unit)).toBe(true);
    for (const [i, red] of (await reds(bytes, 6)).entries()) {
      expect(Math.abs(red - (255 * i) / 10)).toBeLessThan(6);
    }
  });

  test('is shown for ever by default, once where told so', async () => {
    expect((await sharp(await bytesOf(animationStream(format, animation({ format })))).metadata()).loop).toBe(
      0,
    );
    const once = animationStream(format, animation({ format, loop: 1 }));
    expect((await sharp(await bytesOf(once)).metadata()).loop).toBe(1);
  });

  test('of the same pictures is the same bytes', async () => {
    const [one, two] = await Promise.all(
      [1, 2].map(() => bytesOf(animationStream(format, animation({ format })))),
    );
    expect(one!.equals(two!)).toBe(true);
  });

  test('asks for no more pictures once its reader stops', async () => {
    const source = animation({ format, frames: 50 });
    let parts = 0;
    for await (const _ of animationStream(format, source)) if (++parts === 4) break;
    expect(
      Math.max(...source.asked.filter(([frame]) => ![25, 49].includes(frame)).map(([frame]) => frame)),
    ).toBeLessThan(6);
  });

  test('fails as its picture fails, and with a picture of another format', async () => {
    const broken = animation({ format, still: () => Promise.reject(new Error('no picture')) });
    await expect(bytesOf(animationStream(format, broken))).rejects.toThrow('no picture');
    const other = animation({ format, still: async () => Buffer.from('nothing that is a picture') });
    await expect(bytesOf(animationStream(format, other))).rejects.toThrow(/Expected a (GIF|WebP)/);
    const whole = await animation({ format }).still(1, 80);
    const cut = animation({ format, still: async () => whole.subarray(0, whole.length - 40) });
    await expect(bytesOf(animationStream(format, cut))).rejects.toThrow(/cut off/);
  });
});

describe('webp', () => {
  test('tells its length before it is known, and keeps it', async () => {
    const bytes = await bytesOf(animationStream('webp', animation({ format: 'webp' })));
    expect(bytes.readUInt32LE(4) + 8).toBe(bytes.length);
  });

  test('a picture too large for its place loses quality until it fits', async () => {
    // Frame 3 is noisy, which none of the frames looked at is.
    const source = animation({ format: 'webp', frames: 9 });
    const { still } = source;
    const noise = picture(3, SIZE).map((value, i) => value + 0.2 * Math.sin(i * i * 12.9898));
    source.still = async (frame, quality) => {
      const plain = await still(frame, quality);
      return frame === 3 ? encodeTensor(noise, SIZE, SIZE, { format: 'webp', quality }) : plain;
    };
    const bytes = await bytesOf(animationStream('webp', source));
    expect(source.asked.filter(([frame]) => frame === 3).length).toBeGreaterThan(1);
    expect((await sharp(bytes).metadata()).pages).toBe(9);
    expect(bytes.readUInt32LE(4) + 8).toBe(bytes.length);
  });
});
