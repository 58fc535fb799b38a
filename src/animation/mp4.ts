/** MP4 from frames, by FFmpeg where it is found on the PATH. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { AppError } from '../errors.js';

/**
 * Bytes of a fragmented MP4 (H.264, 4:2:0), which players can begin before it ends. `frames` are JPEG of the same size, an
 * even number of pixels. Ends FFmpeg when the caller stops reading. Throws FORMAT_UNAVAILABLE where there is no FFmpeg.
 */
export async function* mp4(
  frames: AsyncIterable<Uint8Array>,
  framesPerSecond: number,
): AsyncGenerator<Buffer, void, undefined> {
  const input = ['-f', 'image2pipe', '-c:v', 'mjpeg', '-framerate', String(framesPerSecond), '-i', 'pipe:0'];
  const codec = ['-c:v', 'libx264', '-preset', 'veryfast', '-tune', 'zerolatency', '-crf', '18'];
  // Colours of JPEG are of full range; players expect BT.709 of limited range.
  const colours = ['-vf', 'scale=out_color_matrix=bt709:out_range=tv,format=yuv420p', '-colorspace', 'bt709'];
  const container = [
    '-movflags',
    '+frag_keyframe+empty_moov+default_base_moof',
    '-frag_duration',
    '100000',
    '-f',
    'mp4',
  ];
  const child = spawn('ffmpeg', ['-v', 'error', ...input, ...codec, ...colours, ...container, 'pipe:1'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2_000);
  });
  // Where FFmpeg has gone, its exit says why.
  child.stdin.on('error', () => undefined);
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).catch((cause: unknown) => {
    throw new AppError('FORMAT_UNAVAILABLE', { detail: NO_FFMPEG, cause });
  });
  const fed = feed(frames, child.stdin);
  // Both are looked at below, after the last byte: until then nobody else would hear of a failure.
  fed.catch(() => child.kill('SIGKILL'));
  exited.catch(() => undefined);
  try {
    for await (const bytes of child.stdout) yield bytes as Buffer;
    await fed;
    const code = await exited;
    if (code !== 0)
      throw new AppError('ENGINE_FAILED', { cause: new Error(`FFmpeg ended with ${code}: ${said}`) });
  } finally {
    child.kill('SIGKILL');
  }
}

const NO_FFMPEG = 'This service has no FFmpeg, which MP4 needs; ask for `format` webp or gif.';

async function feed(frames: AsyncIterable<Uint8Array>, stdin: Writable): Promise<void> {
  for await (const frame of frames) {
    if (!stdin.writable) return;
    if (!stdin.write(frame)) await once(stdin, 'drain');
  }
  stdin.end();
}
