/** An animation as a stream of bytes, from pictures that are made while it is read. */
import { GIF_RATE, gifFrame, gifHead, gifTail } from './gif.js';
import { mp4 } from './mp4.js';
import { delaysOf } from './timeline.js';
import { WEBP_RATE, webpBudget, webpFrame, webpHead, webpTail } from './webp.js';

export interface Animation {
  /** Width and height in pixels. */
  size: number;
  frames: number;
  /** Of all frames together. */
  seconds: number;
  /** How often it is shown; 0 for ever. MP4 leaves that to the player. */
  loop: number;
  /** 1..100, for WebP and the JPEG frames of MP4. */
  quality: number;
  /** The picture of a frame: GIF, WebP or, for MP4, JPEG. */
  still(frame: number, quality: number): Promise<Uint8Array>;
}

export const ANIMATION_FORMATS = ['webp', 'gif', 'mp4'] as const;
export type AnimationFormat = (typeof ANIMATION_FORMATS)[number];
/** Format of the pictures that each is made of. */
export const STILL_FORMAT = { webp: 'webp', gif: 'gif', mp4: 'jpeg' } as const;

/** Pictures that are asked for before the one that is written: a worker does one while the next waits. */
const AHEAD = 2;
/** By how much a picture that is too large for its place loses quality, until it fits. */
const QUALITY_STEP = 15;

/** The bytes of the animation. Pictures are asked for as fast as they are read, and no more once the reader stops. */
export function animationStream(
  format: AnimationFormat,
  animation: Animation,
): AsyncGenerator<Uint8Array, void, undefined> {
  switch (format) {
    case 'gif':
      return gif(animation);
    case 'webp':
      return webp(animation);
    case 'mp4':
      return mp4(stills(animation), animation.frames / animation.seconds);
  }
}

async function* gif(animation: Animation): AsyncGenerator<Uint8Array, void, undefined> {
  const { size, frames, seconds, loop } = animation;
  const delays = delaysOf(frames, seconds, GIF_RATE);
  let i = 0;
  for await (const still of stills(animation)) {
    const frame = gifFrame(still, delays[i]!);
    // The head waits for the first frame: what fails before any byte was sent can still be told.
    yield i === 0 ? Buffer.concat([gifHead(size, loop), frame]) : frame;
    i++;
  }
  yield gifTail();
}

async function* webp(animation: Animation): AsyncGenerator<Uint8Array, void, undefined> {
  const { size, frames, seconds, loop, quality, still } = animation;
  const delays = delaysOf(frames, seconds, WEBP_RATE);
  const looked = [0, Math.floor(frames / 2), frames - 1];
  const budget = webpBudget(await Promise.all(looked.map((i) => still(i, quality))));
  yield webpHead(size, frames, budget, loop);
  let left = frames * budget;
  let i = 0;
  for await (const picture of stills(animation)) {
    // The frames before may have left some of their room, those to come keep theirs.
    const room = left - (frames - 1 - i) * budget;
    let frame = webpFrame(picture, size, delays[i]!);
    for (let lower = quality - QUALITY_STEP; frame.length > room; lower -= QUALITY_STEP) {
      if (lower < 1) throw new Error(`Frame ${i} needs ${frame.length} bytes and has ${room}`);
      frame = webpFrame(await still(i, lower), size, delays[i]!);
    }
    yield frame;
    left -= frame.length;
    i++;
  }
  yield webpTail(left);
}

/** All pictures in order, the next ones asked for while one is used. */
async function* stills({ frames, quality, still }: Animation): AsyncGenerator<Uint8Array, void, undefined> {
  const asked: Promise<Uint8Array>[] = [];
  for (let i = 0; i < frames; i++) {
    while (asked.length < AHEAD && i + asked.length < frames) {
      const next = still(i + asked.length, quality);
      // It is looked at when its turn comes, if ever.
      next.catch(() => undefined);
      asked.push(next);
    }
    yield await asked.shift()!;
  }
}
