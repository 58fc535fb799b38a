/** What the CUDA provider library needs beside it, read from the file itself, and what of that the loader cannot find. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { neededLibraries } from './elf.js';

const PROVIDER_FILES: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'libonnxruntime_providers_cuda.so',
  win32: 'onnxruntime_providers_cuda.dll',
};

/** The provider opens cuDNN by name when it first needs it: no header of the file tells. onnxruntime-gpu 1.30 asks for `nvidia-cudnn-cu13~=9.0`. */
const CUDNN = 'libcudnn.so.9';

/** Part of NVIDIA's driver and not of CUDA: a container gets it from its host. */
export const DRIVER = 'libcuda.so.1';

/** Where the CUDA provider library must lie: beside the native binding. Undefined where none exists for the platform. */
export function cudaProviderPath(): string | undefined {
  const file = PROVIDER_FILES[process.platform];
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  return file && join(entry, '..', 'bin', 'napi-v6', process.platform, process.arch, file);
}

export interface CudaNeeds {
  /** Major version of CUDA that the provider links: N of `libcudart.so.N`. */
  readonly cuda: number;
  /** Libraries to be found at run time: those of the link, the driver's among them, and cuDNN. */
  readonly libraries: readonly string[];
}

/** What the provider library at `path` needs. Throws where it is no ELF file or links no CUDA runtime. */
export async function cudaNeeds(path: string): Promise<CudaNeeds> {
  const linked = await neededLibraries(path);
  const runtime = linked.map((name) => /^libcudart\.so\.(\d+)$/.exec(name)?.[1]).find(Boolean);
  if (!runtime) throw new Error(`${path} links no CUDA runtime (libcudart.so.N): it is not a CUDA provider`);
  return { cuda: Number(runtime), libraries: [...linked, CUDNN] };
}

export interface CudaRefusal {
  /** Whether the provider library is there at all. */
  readonly installed: boolean;
  /** What is missing, as the end of a sentence. */
  readonly reason: string;
}

/**
 * Why no session on CUDA can be made in this process, as far as files tell; undefined where nothing is missing. cuDNN
 * is among them: without it a session can be made, and fails at its first convolution.
 */
export async function cudaRefusal(): Promise<CudaRefusal | undefined> {
  const path = cudaProviderPath();
  if (!path)
    return { installed: false, reason: `onnxruntime-node has no CUDA provider for ${process.platform}` };
  if (!existsSync(path)) {
    const reason = `the CUDA provider library is not installed: expected ${path}. Install it there (Dockerfile.gpu shows how)`;
    return { installed: false, reason };
  }
  // Libraries of other systems are not ELF files: there the session itself must tell.
  if (process.platform !== 'linux') return undefined;
  const { cuda, libraries } = await cudaNeeds(path);
  const missing = unloadable(libraries);
  if (missing.length === 0) return undefined;
  const reasons = missing.map(({ name, reason }) =>
    name === DRIVER ? `${reason} (it comes with the NVIDIA driver)` : reason,
  );
  return {
    installed: true,
    reason: `what the provider needs of CUDA ${cuda} cannot be loaded: ${reasons.join('; ')}`,
  };
}

/**
 * Those of the libraries that cannot be loaded here, each with the loader's own reason. The loader is asked rather than
 * folders searched: it alone knows its paths. Node refuses each library that it could load, for not being an add-on.
 */
export function unloadable(libraries: readonly string[]): { name: string; reason: string }[] {
  return libraries.flatMap((name) => {
    try {
      process.dlopen({ exports: {} }, name);
      return [];
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return reason.startsWith('Module did not self-register') ? [] : [{ name, reason }];
    }
  });
}

/**
 * Why the provider library at `path` would not run in an image with CUDA `version` (as in 13.0.1), one sentence each;
 * nothing where it would. An image has no driver: its host brings one.
 */
export async function imageProblems(path: string, version: string): Promise<string[]> {
  if (!existsSync(path)) return [`The CUDA provider library is not installed: expected ${path}.`];
  const { cuda, libraries } = await cudaNeeds(path);
  if (Number(version.split('.')[0]) !== cuda) {
    return [
      `The provider links CUDA ${cuda}, but the image has CUDA ${version || '(none)'}: set the build argument CUDA to a version ${cuda}.`,
    ];
  }
  return unloadable(libraries.filter((name) => name !== DRIVER)).map(
    ({ reason }) => `The image lacks a library of the provider: ${reason}.`,
  );
}
