import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cudaNeeds, imageProblems, unloadable } from '../../../src/engine/cuda-provider.js';
import { neededLibraries } from '../../../src/engine/elf.js';
import { sharedLibrary } from '../../support/elf.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'latentmorph-elf-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function library(bytes: Uint8Array): string {
  const path = join(folder, 'lib.so');
  writeFileSync(path, bytes);
  return path;
}

const provider = (...more: string[]): string =>
  library(sharedLibrary(['libcublas.so.13', 'libcudart.so.13', 'libcuda.so.1', 'libc.so.6', ...more]));

describe('neededLibraries', () => {
  it('reads what a library is linked against, in order', async () => {
    const names = ['libcublasLt.so.13', 'libcudart.so.13', 'libc.so.6'];
    expect(await neededLibraries(library(sharedLibrary(names)))).toEqual(names);
    expect(await neededLibraries(library(sharedLibrary([])))).toEqual([]);
  });

  it.runIf(process.platform === 'linux' && process.arch === 'x64')(
    'reads the Node that runs here',
    async () => {
      expect(await neededLibraries(process.execPath)).toContain('libc.so.6');
    },
  );

  it('refuses what is no such file, naming it', async () => {
    const whole = sharedLibrary(['libcudart.so.13']);
    const cases: [Uint8Array, RegExp][] = [
      [
        Buffer.from('#!/bin/sh\n'.repeat(20)),
        /lib\.so cannot be read as a shared library: it is not an ELF file/,
      ],
      [whole.subarray(0, 20), /it ends at byte 20/],
      [whole.subarray(0, whole.length - 4), /it ends at byte/],
      [Buffer.concat([whole.subarray(0, 4), Buffer.from([1]), whole.subarray(5)]), /expected a 64-bit/],
    ];
    for (const [bytes, message] of cases)
      await expect(neededLibraries(library(bytes))).rejects.toThrow(message);
  });
});

describe('cudaNeeds', () => {
  it('tells the CUDA major that is linked, and adds cuDNN, which is opened by name', async () => {
    expect(await cudaNeeds(provider())).toEqual({
      cuda: 13,
      libraries: ['libcublas.so.13', 'libcudart.so.13', 'libcuda.so.1', 'libc.so.6', 'libcudnn.so.9'],
    });
  });

  it('refuses a library that links no CUDA', async () => {
    await expect(cudaNeeds(library(sharedLibrary(['libc.so.6'])))).rejects.toThrow(/links no CUDA runtime/);
  });
});

it.runIf(process.platform === 'linux')('unloadable names what the loader does not find', () => {
  const missing = unloadable(['libc.so.6', 'libnot-there.so.7', 'libm.so.6']);
  expect(missing.map(({ name }) => name)).toEqual(['libnot-there.so.7']);
  expect(missing[0]!.reason).toContain('cannot open shared object file');
});

describe('imageProblems', () => {
  it('says which CUDA the image must have', async () => {
    expect(await imageProblems(provider(), '12.9.1')).toEqual([
      expect.stringMatching(/links CUDA 13, but the image has CUDA 12\.9\.1: set the build argument CUDA/),
    ]);
    expect(await imageProblems(provider(), '')).toEqual([expect.stringContaining('(none)')]);
  });

  it.runIf(process.platform === 'linux')(
    'names each library that is missing, but not the driver of the host',
    async () => {
      const problems = await imageProblems(provider('libnot-there.so.7'), '13.0.1');
      expect(problems.join('\n')).toMatch(
        /lacks a library of the provider: libnot-there\.so\.7: cannot open/,
      );
      expect(problems.join('\n')).not.toContain('libcuda.so.1');
    },
  );

  it('says where the provider must lie', async () => {
    expect(await imageProblems(join(folder, 'none.so'), '13.0.1')).toEqual([
      `The CUDA provider library is not installed: expected ${join(folder, 'none.so')}.`,
    ]);
  });
});
