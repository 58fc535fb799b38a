import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { Point, Quad } from '../../../src/contracts.js';
import type { ProjectChunk } from '../../../src/engine/protocol.js';
import { EngineClient } from '../../../src/worker/engine-client.js';

const entry = fileURLToPath(new URL('./echo-engine.mjs', import.meta.url));
const chunk: ProjectChunk = {
  space: 'pn',
  judgedAt: 256,
  target: Float32Array.of(0.5, -1),
  latent: Float32Array.of(1, 2, 3),
  m: new Float32Array(0),
  v: new Float32Array(0),
  step: 3,
  learningRates: [0.1],
  pixelWeight: 0,
  lpipsWeight: 0,
  prior: 0,
};

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('EngineClient', () => {
  const open: EngineClient[] = [];
  const client = (onCrash?: (reason: string) => void): EngineClient => {
    const made = new EngineClient({ entry, onCrash });
    open.push(made);
    return made;
  };
  afterEach(() => Promise.all(open.splice(0).map((one) => one.close(100))));

  it('carries typed arrays both ways', async () => {
    const [answer] = await client().call('project', [chunk]);
    expect(answer!.latent).toEqual(chunk.latent);
    expect(answer).toMatchObject({ step: 3, learningRates: [0.1] });
  });

  it('answers calls made at the same time, each with its own result', async () => {
    const engine = client();
    const answers = await Promise.all([1, 2, 3].map((step) => engine.call('project', [{ ...chunk, step }])));
    expect(answers.map(([answer]) => (answer as unknown as ProjectChunk).step)).toEqual([1, 2, 3]);
  });

  it('keeps code and detail of an error of the engine', async () => {
    await expect(client().call('detect', { image: new Uint8Array(1) })).rejects.toMatchObject({
      code: 'FACE_NOT_FOUND',
      detail: 'No face here.',
    });
  });

  it('reports an unknown code as ENGINE_FAILED', async () => {
    const { latent, target } = chunk;
    const corner: Point = [0, 0];
    const quad: Quad = [corner, corner, corner, corner];
    const photo = { aligned: new Uint8Array(1), landmarks: [], quad };
    await expect(client().call('finish', { latent, target, pixelWeight: 0, photo })).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
    });
  });

  it('rejects what was in flight when the engine crashes, and starts a new one for the next call', async () => {
    const crashes: string[] = [];
    const engine = client((reason) => crashes.push(reason));
    await engine.call('project', [chunk]);
    const first = engine.pid;
    const crash = { latent: chunk.latent, size: 64, format: 'png' } as const;
    await expect(engine.call('render', crash)).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      cause: { message: 'The engine process is gone: it ended with code 7' },
    });
    expect(crashes).toEqual(['it ended with code 7']);
    await engine.call('project', [chunk]);
    expect(engine.pid).not.toBe(first);
  });

  it('kills an engine that cannot listen, rejects its calls and refuses new ones', async () => {
    const engine = client();
    await engine.call('project', [chunk]);
    const pid = engine.pid!;
    const stuck = expect(
      engine.call('align', { image: new Uint8Array(1), landmarks: [] }),
    ).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await engine.close(200);
    await stuck;
    expect(alive(pid)).toBe(false);
    await expect(engine.call('warm', { role: 'embed' })).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  });
});
