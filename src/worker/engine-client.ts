/** Talks to one engine child process: starts it when needed, again after a crash, and ends it for certain. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { environment } from '../config.js';
import { ALLOCATOR_ENV } from '../engine/allocator.js';
import type { EngineCalls, EngineMethod, EngineRequest, EngineResponse } from '../engine/protocol.js';
import { AppError, ERRORS, type ErrorCode } from '../errors.js';

const ENTRY = fileURLToPath(new URL('../engine/main.js', import.meta.url));

/** What the jobs need of an engine. */
export interface Engine {
  call<M extends EngineMethod>(method: M, params: EngineCalls[M]['in']): Promise<EngineCalls[M]['out']>;
}

export interface EngineClientOptions {
  /** Script of the child; it reads the same environment as this process. */
  entry?: string;
  /** Called when the child ends without having been told to. */
  onCrash?: (reason: string) => void;
}

interface Pending {
  resolve: (result: unknown) => void;
  reject: (error: AppError) => void;
}

export class EngineClient implements Engine {
  readonly #options: EngineClientOptions;
  readonly #pending = new Map<number, Pending>();
  #child: ChildProcess | undefined;
  #nextId = 1;
  #closed = false;

  constructor(options: EngineClientOptions = {}) {
    this.#options = options;
  }

  /** Process id of the running engine, if one runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Rejects with the `AppError` the engine answered, or `ENGINE_FAILED` when the engine ended before it answered. */
  call<M extends EngineMethod>(method: M, params: EngineCalls[M]['in']): Promise<EngineCalls[M]['out']> {
    return new Promise<unknown>((resolve, reject) => {
      if (this.#closed) {
        reject(new AppError('ENGINE_FAILED', { cause: new Error('The engine is closed') }));
        return;
      }
      this.#child ??= this.#start();
      const request: EngineRequest = { id: this.#nextId++, method, params };
      this.#pending.set(request.id, { resolve, reject });
      this.#child.send(request, (error) => {
        if (!error) return;
        this.#pending.delete(request.id);
        reject(new AppError('ENGINE_FAILED', { cause: error }));
      });
    }) as Promise<EngineCalls[M]['out']>;
  }

  /** Ends the engine: politely at first, since it cannot listen while it computes, killed after `graceMs`. */
  async close(graceMs = 2000): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const killer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    if (child.connected) child.disconnect();
    await exited;
    clearTimeout(killer);
  }

  #start(): ChildProcess {
    const child = fork(this.#options.entry ?? ENTRY, {
      env: environment(ALLOCATOR_ENV),
      serialization: 'advanced',
      stdio: 'inherit',
      execArgv: ['--enable-source-maps'],
    });
    child.on('message', (response: EngineResponse) => this.#settle(response));
    child.on('error', (error) => this.#lost(child, error.message));
    child.on('exit', (code, signal) =>
      this.#lost(child, signal ? `it was ended by ${signal}` : `it ended with code ${code}`),
    );
    return child;
  }

  #settle(response: EngineResponse): void {
    const pending = this.#pending.get(response.id);
    this.#pending.delete(response.id);
    if ('error' in response) pending?.reject(toAppError(response.error));
    else pending?.resolve(response.result);
  }

  #lost(child: ChildProcess, reason: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    const lost = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of lost) {
      reject(new AppError('ENGINE_FAILED', { cause: new Error(`The engine process is gone: ${reason}`) }));
    }
    if (!this.#closed) this.#options.onCrash?.(reason);
  }
}

function toAppError({ code, message, detail }: { code: string; message: string; detail?: string }): AppError {
  const known = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'ENGINE_FAILED';
  return new AppError(known, { detail, cause: new Error(message) });
}
