/** How long an Adam step takes, measured on the way by the jobs themselves. */
import type { EngineCalls, EngineMethod, ProjectChunk } from '../engine/protocol.js';
import type { Engine } from './engine-client.js';

/** Side at which every projection ends: steps judged at another cost something else. */
const FULL_SIDE = 256;

/**
 * An engine that tells the milliseconds of a step for each photo after every call of steps at the full side, as far as
 * the call before it was of the same kind: else it may have opened the steps first, which takes seconds.
 */
export function timed(engine: Engine, clock: () => number, onStep: (ms: number) => void): Engine {
  let last = '';
  return {
    async call<M extends EngineMethod>(
      method: M,
      params: EngineCalls[M]['in'],
    ): Promise<EngineCalls[M]['out']> {
      const begun = clock();
      const result = await engine.call(method, params);
      if (method !== 'project') return result;
      const chunks = params as ProjectChunk[];
      const [{ judgedAt, space, latent }] = chunks as [ProjectChunk];
      if (judgedAt !== FULL_SIDE) return result;
      const kind = `${space} ${latent.length} ${chunks.length}`;
      const steps = Math.min(...chunks.map(({ learningRates }) => learningRates.length));
      if (kind === last) onStep((clock() - begun) / (steps * chunks.length));
      last = kind;
      return result;
    },
  };
}
