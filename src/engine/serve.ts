/** Answers typed requests that arrive over the IPC channel of this process, one at a time and in order. */
import { AppError } from '../errors.js';
import type { EngineCalls, EngineMethod, EngineRequest, EngineResponse } from './protocol.js';

export type EngineHandlers = {
  [M in EngineMethod]: (params: EngineCalls[M]['in']) => Promise<EngineCalls[M]['out']>;
};

/**
 * Serves until the parent disconnects, then ends the process: an engine never outlives its worker.
 * Interrupts are ignored, since the parent decides when an engine ends.
 */
export function serve(handlers: EngineHandlers): void {
  let last: Promise<void> = Promise.resolve();
  process.on('message', (request: EngineRequest) => {
    last = last.then(() => answer(handlers, request)).then(send);
  });
  process.on('disconnect', () => process.exit(0));
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
  if (!process.connected) process.exit(0);
}

async function answer(handlers: EngineHandlers, request: EngineRequest): Promise<EngineResponse> {
  try {
    if (!Object.hasOwn(handlers, request.method)) {
      throw new TypeError(`The engine has no method '${request.method}'`);
    }
    const handler = handlers[request.method] as (params: unknown) => Promise<unknown>;
    return { id: request.id, result: await handler(request.params) };
  } catch (error) {
    return { id: request.id, error: describe(error) };
  }
}

/** Keeps code and public detail of an `AppError`; anything else is a failure of the engine. */
function describe(error: unknown): { code: string; message: string; detail?: string } {
  if (error instanceof AppError) {
    return { code: error.code, message: error.stack ?? error.message, detail: error.detail };
  }
  return {
    code: 'ENGINE_FAILED',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}

/** A parent that has just gone makes `send` fail; the `disconnect` event then ends the process. */
function send(response: EngineResponse): void {
  if (process.connected) process.send?.(response, undefined, undefined, () => undefined);
}
