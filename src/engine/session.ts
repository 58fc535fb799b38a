/** The only importer of onnxruntime-node. `run` and `create` block the calling thread: use it in a child process only. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';

export type RequestedDevice = 'auto' | 'cpu' | 'cuda';
export type UsedDevice = 'cpu' | 'cuda';

export interface SessionOptions {
  /** `auto` takes CUDA when its provider library is installed and a session can be made, else the CPU. */
  device: RequestedDevice;
  /** CPU threads inside one operator. */
  threads: number;
  /** Fixed sizes for named dimensions of the model's inputs, e.g. `{ N: 1 }`. */
  dimensions?: Record<string, number>;
}

/** Row-major data with its shape. Integers travel as int64, everything else as float32. */
export interface TensorValue<Data extends Float32Array | BigInt64Array = Float32Array | BigInt64Array> {
  data: Data;
  shape: readonly number[];
}

/** The asked device cannot be used; the message says what is missing. It never leaves the process as public text. */
export class DeviceUnavailableError extends Error {
  override readonly name = 'DeviceUnavailableError';
}

const PROVIDER_FILES: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'libonnxruntime_providers_cuda.so',
  win32: 'onnxruntime_providers_cuda.dll',
};

/** Where the CUDA provider library must lie: beside the native binding. Undefined where none exists for the platform. */
export function cudaProviderPath(): string | undefined {
  const file = PROVIDER_FILES[process.platform];
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  return file && join(entry, '..', 'bin', 'napi-v6', process.platform, process.arch, file);
}

/** An inference session on one device. */
export class Session {
  /** The device its kernels really run on. */
  readonly device: UsedDevice;
  /** Why `auto` did not take CUDA although its library is installed. */
  readonly fallbackReason: string | undefined;
  readonly #session: InferenceSession;

  constructor(session: InferenceSession, device: UsedDevice, fallbackReason?: string) {
    this.#session = session;
    this.device = device;
    this.fallbackReason = fallbackReason;
  }

  get inputNames(): readonly string[] {
    return this.#session.inputNames;
  }

  get outputNames(): readonly string[] {
    return this.#session.outputNames;
  }

  /** Runs the whole graph. Throws when a feed is missing, does not fill its shape, or an output is not float32. */
  async run(feeds: Record<string, TensorValue>): Promise<Record<string, TensorValue<Float32Array>>> {
    const outputs = await this.#session.run(
      Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, toTensor(name, value)])),
    );
    return Object.fromEntries(
      Object.entries(outputs).map(([name, tensor]) => [name, fromTensor(name, tensor)]),
    );
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

/** Opens a model, a path or its bytes. Throws `DeviceUnavailableError` when `device` is `cuda` and cannot be had. */
export async function openSession(model: string | Uint8Array, options: SessionOptions): Promise<Session> {
  if (options.device === 'cpu') return new Session(await create(model, 'cpu', options), 'cpu');
  const provider = cudaProviderPath();
  if (!provider || !existsSync(provider)) {
    if (options.device === 'auto') return new Session(await create(model, 'cpu', options), 'cpu');
    throw new DeviceUnavailableError(
      provider
        ? `Device 'cuda' was asked for, but the CUDA provider library is not installed: expected ${provider}. Install it there (Dockerfile.gpu shows how) or set LATENTMORPH_DEVICE=cpu.`
        : `Device 'cuda' was asked for, but onnxruntime-node has no CUDA provider for ${process.platform}. Set LATENTMORPH_DEVICE=cpu.`,
    );
  }
  try {
    return new Session(await create(model, 'cuda', options), 'cuda');
  } catch (cause) {
    if (options.device === 'auto') {
      return new Session(await create(model, 'cpu', options), 'cpu', (cause as Error).message);
    }
    throw new DeviceUnavailableError(
      `Device 'cuda' was asked for, but no CUDA session can be made: ${(cause as Error).message}. The provider needs an NVIDIA driver, CUDA and cuDNN on the library path; or set LATENTMORPH_DEVICE=cpu.`,
      { cause },
    );
  }
}

function create(
  model: string | Uint8Array,
  device: UsedDevice,
  options: SessionOptions,
): Promise<InferenceSession> {
  const settings: InferenceSession.SessionOptions = {
    executionProviders: [device],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    ...(options.dimensions && { freeDimensionOverrides: options.dimensions }),
  };
  return typeof model === 'string'
    ? InferenceSession.create(model, settings)
    : InferenceSession.create(model, settings);
}

function toTensor(name: string, { data, shape }: TensorValue): Tensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (size !== data.length) {
    throw new RangeError(
      `Expected ${size} values for '${name}' [${shape.join(',')}] but received ${data.length}`,
    );
  }
  return data instanceof Float32Array ? new Tensor('float32', data, shape) : new Tensor('int64', data, shape);
}

function fromTensor(name: string, tensor: Tensor): TensorValue<Float32Array> {
  if (!(tensor.data instanceof Float32Array)) {
    throw new TypeError(`Expected float32 for output '${name}' but received ${tensor.type}`);
  }
  return { data: tensor.data, shape: tensor.dims };
}
