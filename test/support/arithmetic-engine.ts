/** An engine that is plain arithmetic, for jobs on real records and blobs. */
import type { EngineCalls, EngineMethod, ProjectChunk } from '../../src/engine/protocol.js';
import type { Engine } from '../../src/worker/engine-client.js';
import { detection } from './app.js';

/** Each photo is known by `pixelWeight`: its loss is that number, and each step adds as much to its latent. */
export class ArithmeticEngine implements Engine {
  /** Photos of each project call. */
  readonly batches: number[][] = [];
  /** Photo and step from which on the loss is not a number. */
  broken: { photo: number; step: number } | undefined;
  /** Photo whose image fades to grey at rates above this one. */
  fades: { photo: number; rate: number } | undefined;
  onBatch: (photos: number[]) => Promise<unknown> = async () => undefined;
  private last: Promise<unknown> = Promise.resolve();

  /** One call at a time and in order, as the real one. */
  call<M extends EngineMethod>(method: M, params: EngineCalls[M]['in']): Promise<EngineCalls[M]['out']> {
    const answer = this.last.then(() => this.answer(method, params));
    this.last = answer.catch(() => undefined);
    return answer as Promise<EngineCalls[M]['out']>;
  }

  private async answer(method: EngineMethod, params: unknown): Promise<unknown> {
    switch (method) {
      case 'align': {
        const quad = [0, 1, 2, 3].map((i) => [i, i]);
        return { aligned: Uint8Array.of(1), target: new Float32Array(3), quad };
      }
      case 'start':
        return { latent: new Float32Array(16 * 512) };
      case 'project':
        return this.project(params as ProjectChunk[]);
      case 'finish': {
        const { latent } = params as EngineCalls['finish']['in'];
        return { latent, reconstruction: Uint8Array.of(3), quality: { loss: 1, lpips: 0.2 } };
      }
      case 'detect':
        return detection(1);
      case 'render':
        return { image: Uint8Array.of(0xff, 0xd8, 0xff, 0) };
      default:
        throw new Error(`unexpected ${method}`);
    }
  }

  private async project(chunks: ProjectChunk[]): Promise<unknown> {
    const photos = chunks.map(({ pixelWeight }) => pixelWeight);
    this.batches.push(photos);
    await this.onBatch(photos);
    const taken = Math.min(...chunks.map(({ learningRates }) => learningRates.length));
    return chunks.map(({ latent, m, v, step, learningRates, pixelWeight: photo }) => {
      const fades = this.fades?.photo === photo && learningRates.some((rate) => rate > this.fades!.rate);
      const isBroken = (at: number) => this.broken?.photo === photo && at >= this.broken.step;
      const losses = Array.from({ length: taken }, (_, i) => (isBroken(step + i) ? Number.NaN : photo));
      const moved = latent.map((x) => x + photo * taken);
      return { latent: moved, m, v, losses, contrast: fades ? 0.1 : 1, preview: Uint8Array.of(2) };
    });
  }
}
