/** The only importer of onnxruntime-node. `run` and `create` block the calling thread: use it in a child process only. */
import { existsSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { cudaProviderPath, cudaRefusal } from './cuda-provider.js';

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

/** Whether these options may lead to a session on CUDA: asked for or not ruled out, and its library is installed. */
export function mayUseCuda({ device }: Pick<SessionOptions, 'device'>): boolean {
  const provider = cudaProviderPath();
  return device === 'cuda' || (device === 'auto' && provider !== undefined && existsSync(provider));
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
  const refusal = await cudaRefusal();
  if (refusal) return instead(model, options, refusal.reason, refusal.installed);
  try {
    return new Session(await create(model, 'cuda', options), 'cuda');
  } catch (cause) {
    const { message } = cause as Error;
    return instead(model, options, `no CUDA session can be made: ${message}`, true, cause);
  }
}

/** The session on the CPU, which `auto` takes where CUDA cannot be had. */
async function instead(
  model: string | Uint8Array,
  options: SessionOptions,
  reason: string,
  installed: boolean,
  cause?: unknown,
): Promise<Session> {
  if (options.device === 'auto')
    return new Session(await create(model, 'cpu', options), 'cpu', installed ? reason : undefined);
  const message = `Device 'cuda' was asked for, but ${reason}. CUDA, cuDNN and an NVIDIA driver must be on the library path; or set LATENTMORPH_DEVICE=cpu.`;
  throw new DeviceUnavailableError(message, { cause });
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
    // The pattern is one block beside the arena that the first run has filled already: twice the memory, no gain in time.
    enableMemPattern: false,
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
