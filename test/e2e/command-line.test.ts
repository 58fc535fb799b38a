/** `latentmorph` as people call it: on photos, with and without a service, and when something is wrong. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../src/cli/embedded-redis.js';
import { photoWithoutFace, portrait } from '../support/portraits.js';
import { Command } from '../support/service-process.js';

const ENTRY = join(process.cwd(), 'dist/cli/latentmorph.js');
const DRAFT = ['--preset', 'draft', '--steps', '4'];

let dir: string;
const inDir = (name: string): string => join(dir, name);

interface Ended {
  code: number;
  stdout: Buffer;
  stderr: string;
}

/** Runs the command line in a folder of its own, on data of its own, where nothing listens at its default address. */
async function latentmorph(...args: string[]): Promise<Ended> {
  const env = {
    ...process.env,
    LATENTMORPH_DATA: inDir('data'),
    LATENTMORPH_URL: `http://127.0.0.1:${await freePort()}`,
  };
  return new Promise((resolve) => {
    const options = { cwd: dir, env, encoding: 'buffer' as const, maxBuffer: 64 * 2 ** 20 };
    execFile(process.execPath, [ENTRY, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr: stderr.toString() }),
    );
  });
}

/** What `--json` leaves: one object, as the only line. */
async function json(...args: string[]) {
  const { code, stdout, stderr } = await latentmorph(...args, '--json');
  expect(stdout.toString().trim().split('\n'), stderr).toHaveLength(1);
  return { code, stderr, value: JSON.parse(stdout.toString()) };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'latentmorph-cli-'));
  await writeFile(inDir('a.jpg'), await portrait('obama'));
  await writeFile(inDir('b.jpg'), await portrait('biden'));
  await writeFile(inDir('jacket.png'), await photoWithoutFace());
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('without a service', () => {
  it('embeds photos into files, and tells which one it could not', async () => {
    const { code, value, stderr } = await json(
      'embed',
      'a.jpg',
      'jacket.png',
      '--offline',
      ...DRAFT,
      '-o',
      'alone',
    );
    expect(code).toBe(1);
    expect(value.embeddings).toMatchObject([
      { file: 'a.jpg', latent: join('alone', 'a.npy'), lpips: expect.any(Number) },
      { file: 'jacket.png', error: { code: 'FACE_NOT_FOUND' } },
    ]);
    expect(stderr).toMatch(/a\.jpg {2}step 4\/4/);
    expect((await readdir(inDir('alone'))).sort()).toEqual(['a-reconstruction.png', 'a.npy']);
    expect((await readFile(inDir('alone/a.npy'))).subarray(0, 6).toString('latin1')).toBe('\x93NUMPY');
  });

  it('morphs a latent with itself into the same image whatever the lambda, and tells formats by the file', async () => {
    const latent = join('alone', 'a.npy');
    const images = await Promise.all(
      ['0.2', '0.9'].map(async (lambda) => {
        const out = `${lambda}.png`;
        const { code, stderr } = await latentmorph(
          'morph',
          latent,
          latent,
          '--offline',
          '--lambda',
          lambda,
          '--size',
          '128',
          '-o',
          out,
        );
        expect(code, stderr).toBe(0);
        return sharp(await readFile(inDir(out)))
          .raw()
          .toBuffer({ resolveWithObject: true });
      }),
    );
    const [first, second] = images.map(({ data }) => data) as [Buffer, Buffer];
    expect(images[0]?.info).toMatchObject({ width: 128, height: 128 });
    const difference = first.reduce((most, value, i) => Math.max(most, Math.abs(value - second[i]!)), 0);
    expect(difference).toBeLessThanOrEqual(1);
  });

  it('refuses what only a service can do', async () => {
    const latent = join('alone', 'a.npy');
    const { code, stderr } = await latentmorph(
      'morph',
      latent,
      latent,
      '--offline',
      '--mode',
      'region',
      '--parts',
      'eyes',
    );
    expect(code).toBe(2);
    expect(stderr).toContain('--local');
  });
});

describe('with a service of its own', () => {
  let ids: string[];

  it('embeds photos, and leaves the same latent as without one', async () => {
    const { code, value, stderr } = await json(
      'embed',
      'a.jpg',
      'b.jpg',
      '--local',
      ...DRAFT,
      '-o',
      'served',
      '--labels',
      'cli',
    );
    expect(code, stderr).toBe(0);
    ids = value.embeddings.map(({ id }: { id: string }) => id);
    expect(ids).toEqual([expect.stringMatching(/^emb_/), expect.stringMatching(/^emb_/)]);
    const [served, alone] = await Promise.all(
      ['served/a.npy', 'alone/a.npy'].map((path) => readFile(inDir(path))),
    );
    expect(sha256(served!)).toBe(sha256(alone!));
  });

  it('draws morph, grid and animation of what was kept, to standard output, too', async () => {
    const [a, b] = ids as [string, string];
    const morph = await latentmorph('morph', a, b, '--local', '--size', '64', '--format', 'png', '-o', '-');
    expect(await sharp(morph.stdout).metadata()).toMatchObject({ format: 'png', width: 64 });
    const grid = await json(
      'grid',
      a,
      b,
      '--local',
      '--columns',
      '2',
      '--cell',
      '64',
      '-o',
      'pictures/grid.webp',
    );
    expect(grid.value).toMatchObject({ out: 'pictures/grid.webp', format: 'webp', a, b });
    expect(await sharp(await readFile(inDir('pictures/grid.webp'))).metadata()).toMatchObject({
      format: 'webp',
    });
    const animation = await latentmorph(
      'animate',
      a,
      b,
      '--local',
      '--frames',
      '3',
      '--size',
      '64',
      '-o',
      'm.gif',
    );
    expect(animation.code, animation.stderr).toBe(0);
    // The image library reads no GIF here: what it may load is a short list.
    const gif = await readFile(inDir('m.gif'));
    expect(gif.subarray(0, 6).toString('latin1')).toBe('GIF89a');
    expect([gif.readUInt16LE(6), gif.readUInt16LE(8)]).toEqual([64, 64]);
  });

  it('ends at once and leaves no process when it is interrupted', async () => {
    const command = new Command('latentmorph', ['embed', inDir('a.jpg'), '--local'], {
      LATENTMORPH_DATA: inDir('data'),
    });
    await command.says(/step \d/);
    command.signal('SIGINT');
    expect(await command.exited).toBe(130);
    await expect.poll(() => command.processes()).toEqual([]);
  });
});

describe('when something is wrong', () => {
  it('tells a missing service from wrong arguments by the exit code', async () => {
    const away = await latentmorph('morph', 'emb_AAAAAAAAAAAAAAAAAAAA', 'emb_BBBBBBBBBBBBBBBBBBBB');
    expect(away).toMatchObject({ code: 3, stderr: expect.stringContaining('--local') });
    const wrong = [
      [['morph', 'one'], 'Expected two faces'],
      [['morph', 'a.jpg', 'b.jpg', '-o', 'x.bmp'], "'x.bmp'"],
      [['embed'], 'at least one photo'],
      [['embed', 'nowhere.jpg', '--offline'], 'nowhere.jpg'],
      [['embed', 'a.jpg', '--colour', 'red'], '--colour'],
      [['models', 'eat'], "'eat'"],
      [['dance'], "Unknown command 'dance'"],
    ] as const;
    for (const [args, text] of wrong) {
      const { code, stderr } = await latentmorph(...args);
      expect({ args, code }).toEqual({ args, code: 2 });
      expect(stderr).toContain(text);
    }
  });

  it('says which field the service would refuse', async () => {
    const { code, stderr } = await latentmorph('embed', 'a.jpg', '--offline', '--steps', 'many');
    expect(code).toBe(1);
    expect(stderr).toMatch(/BAD_REQUEST: .*steps.*many/);
  });

  it('explains every command', async () => {
    for (const name of ['serve', 'embed', 'morph', 'animate', 'grid', 'models', 'doctor']) {
      const { code, stdout } = await latentmorph(name, '--help');
      expect(code).toBe(0);
      expect(stdout.toString()).toContain(`Usage: latentmorph ${name}`);
    }
  });
});

it('lists the models and finds the machine healthy', async () => {
  expect((await json('models', 'list')).value).toMatchObject({ files: { 'synthesis.onnx': {} } });
  expect((await json('doctor')).value).toMatchObject({ healthy: true });
});
