/**
 * `npm run bench:gpu:bundle`: packs what `bench:gpu` needs into a few files, so that a machine with a GPU and nothing
 * else can be measured: no network, no Node, no packages.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { cudaProviderPath } from '../src/engine/cuda-provider.js';
import { neededLibraries } from '../src/engine/elf.js';
import { integerOption } from './arguments.js';
import { command } from './command.js';
import { closure } from './gpu/packages.js';
import { alignedPhotos } from './photos.js';
import { CACHE, MODELS_DIR, models, ROOT, say } from './workspace.js';

const USAGE = `Usage: npm run bench:gpu:bundle [-- OPTIONS]

  --out DIR        where the parts go (default .cache/bench/bundle)
  --wheel PATH     wheel of onnxruntime-gpu (default: fetched with pip, as Dockerfile.gpu pins it)
  --node PATH      Node for Linux on x64 (default: the one that runs this)
  --part-mb N      megabytes of a part (default 60)
  --preset N       xz preset, from 0 to 9 (default 6)

Copy the folder to the machine and run: sh run-bundle.sh [OPTIONS of bench:gpu]`;

/** What the bench imports, and what runs the tests of the gpu room. */
const PACKAGES = ['onnxruntime-node', 'sharp', 'typebox', 'cli-progress', 'vitest'];
const SOURCES = [
  'package.json',
  'vitest.config.ts',
  'tsconfig.json',
  'src',
  'assets',
  'test/gpu',
  'test/support',
  'bench/photos',
  'dist-bench',
];
/** Two of the models hold the same weights, some 60 MB apart: the dictionary must span both. */
const DICTIONARY = '96MiB';
const PHOTOS = 8;

interface Options {
  out: string;
  wheel: string | undefined;
  node: string;
  partBytes: number;
  preset: number;
}

async function main(options: Options): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64' || !cudaProviderPath())
    throw new Error('The bundle is made on Linux on x64, for the same.');
  const { out, node } = options;
  const foreign = (await neededLibraries(node)).filter((name) => /^lib(node|uv|v8|icu)/.test(name));
  if (foreign.length > 0)
    throw new Error(`${node} needs ${foreign.join(', ')} of this system: give another with --node`);
  await models();
  await alignedPhotos('tuning', PHOTOS);
  const stage = await mkdtemp(join(tmpdir(), 'latentmorph-bundle-'));
  try {
    await fill(stage, options);
    await rm(out, { recursive: true, force: true });
    await mkdir(out, { recursive: true });
    say('Packing ...');
    await pack(stage, options);
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
  await cp(join(ROOT, 'bench/gpu/run-bundle.sh'), join(out, 'run-bundle.sh'));
  const parts = (await readdir(out)).filter((name) => name.startsWith('bundle.part-')).sort();
  const sums = await Promise.all(parts.map(async (name) => `${await sha256(join(out, name))}  ${name}\n`));
  await writeFile(join(out, 'bundle.sha256'), sums.join(''));
  console.log(`${parts.length} parts in ${out}. There: sh run-bundle.sh --json`);
}

/** Links everything into one folder, which is then read through the links. */
async function fill(stage: string, { wheel, node }: Options): Promise<void> {
  const link = async (from: string, to: string): Promise<void> => {
    await mkdir(join(stage, to, '..'), { recursive: true });
    await symlink(from, join(stage, to));
  };
  await link(node, 'node');
  for (const path of SOURCES) await link(join(ROOT, path), path);
  for (const folder of closure(ROOT, PACKAGES)) {
    // Packages inside of others come along with them.
    if (folder.lastIndexOf('node_modules/') > 0 || folder.endsWith('/onnxruntime-node')) continue;
    await link(join(ROOT, folder), folder);
  }
  await fillRuntime(stage, link, wheel ?? (await fetchWheel()));
  for (const name of await readdir(MODELS_DIR))
    if (/\.(onnx|json)$/.test(name)) await link(join(MODELS_DIR, name), join('.cache/models', name));
  await link(join(CACHE, 'photos'), '.cache/bench/photos');
}

/** onnxruntime-node for this platform alone, with the CUDA provider of its version beside it. */
async function fillRuntime(
  stage: string,
  link: (from: string, to: string) => Promise<void>,
  wheel: string,
): Promise<void> {
  const runtime = 'node_modules/onnxruntime-node';
  const { version } = JSON.parse(await readFile(join(ROOT, runtime, 'package.json'), 'utf8')) as {
    version: string;
  };
  if (!basename(wheel).startsWith(`onnxruntime_gpu-${version}-`))
    throw new Error(`Expected a wheel of onnxruntime-gpu ${version} but received ${basename(wheel)}`);
  for (const name of ['package.json', 'dist', 'lib'])
    await link(join(ROOT, runtime, name), join(runtime, name));
  const native = 'bin/napi-v6/linux/x64';
  for (const name of await readdir(join(ROOT, runtime, native)))
    if (!name.includes('providers'))
      await link(join(ROOT, runtime, native, name), join(runtime, native, name));
  const unpacked = join(stage, '..', `${basename(stage)}-wheel`);
  await rm(unpacked, { recursive: true, force: true });
  run('python3', ['-m', 'zipfile', '-e', wheel, unpacked]);
  for (const name of ['cuda', 'shared']) {
    const file = `libonnxruntime_providers_${name}.so`;
    await cp(join(unpacked, 'onnxruntime/capi', file), join(stage, runtime, native, file));
  }
  await rm(unpacked, { recursive: true, force: true });
}

/** The wheel that Dockerfile.gpu pins, kept under the cache. */
async function fetchWheel(): Promise<string> {
  const dockerfile = await readFile(join(ROOT, 'Dockerfile.gpu'), 'utf8');
  const argument = (name: string): string =>
    new RegExp(`^ARG ${name}=(.+)$`, 'm').exec(dockerfile)?.[1] ?? '';
  const folder = join(CACHE, 'wheels');
  await mkdir(folder, { recursive: true });
  const requirement = join(folder, 'requirements.txt');
  const pin = `onnxruntime-gpu==${argument('ONNXRUNTIME')} --hash=sha256:${argument('ONNXRUNTIME_SHA256')}\n`;
  await writeFile(requirement, pin);
  const target = [
    '--implementation=cp',
    '--python-version=3.11',
    '--abi=cp311',
    '--platform=manylinux_2_28_x86_64',
  ];
  say('Fetching onnxruntime-gpu ...');
  const common = ['-m', 'pip', 'download', '--no-deps', '--require-hashes', '--only-binary=:all:'];
  run('python3', [...common, ...target, '-r', requirement, '-d', folder]);
  const wheel = (await readdir(folder)).find((name) =>
    name.startsWith(`onnxruntime_gpu-${argument('ONNXRUNTIME')}-`),
  );
  if (!wheel) throw new Error(`pip left no wheel of onnxruntime-gpu in ${folder}`);
  return join(folder, wheel);
}

async function pack(stage: string, { out, partBytes, preset }: Options): Promise<void> {
  const tar = ['tar', '--dereference', '--sort=name', '--owner=0', '--group=0', '-C', stage, '-c', '.'];
  const xz = ['xz', '--stdout', '--threads=0', `--lzma2=preset=${preset},dict=${DICTIONARY}`];
  const split = ['split', `--bytes=${partBytes}`, '--numeric-suffixes', '-', join(out, 'bundle.part-')];
  const quoted = [tar, xz, split].map((command) => command.map((word) => `'${word}'`).join(' ')).join(' | ');
  const child = spawn('bash', ['-o', 'pipefail', '-c', quoted], { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error('tar, xz or split failed');
}

async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`${command} ${args[1]} failed`);
}

function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      out: { type: 'string', default: join(CACHE, 'bundle') },
      wheel: { type: 'string' },
      node: { type: 'string', default: process.execPath },
      'part-mb': { type: 'string', default: '60' },
      preset: { type: 'string', default: '6' },
    },
  });
  return {
    out: resolve(values.out),
    wheel: values.wheel && resolve(values.wheel),
    node: resolve(values.node),
    partBytes: integerOption('part-mb', values['part-mb']) * 1e6,
    preset: integerOption('preset', values.preset, 0),
  };
}

await command(USAGE, optionsOf, main);
