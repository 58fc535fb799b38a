import { beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { STYLE_DIM, STYLES } from '../../src/contracts.js';
import { Generator } from '../../src/engine/generator.js';
import { Projector } from '../../src/engine/project.js';
import { DeviceUnavailableError, openSession } from '../../src/engine/session.js';
import { TARGET_SIZE } from '../../src/engine/step-model.js';
import { GraphBuilder } from '../../src/models/graph/builder.js';
import { writeOnnx } from '../../src/models/graph/write-onnx.js';
import { readManifest } from '../../src/models/manifest.js';
import { averageStart } from '../../src/models/stylegan/start.js';

const small = new GraphBuilder('double');
const x = small.input('x', 'float32', [4]);
small.output(small.op('Add', [x, x]), 'y');

/** Why no CUDA session can be made here, undefined where one can. */
const refusal: unknown = await openSession(writeOnnx(small.build()), { device: 'cuda', threads: 1 }).then(
  (session) => session.release(),
  (error: unknown) => error,
);
const missing = refusal instanceof Error ? refusal.message : undefined;
if (missing) console.info(`The tests on a GPU do not run here. ${missing}`);

describe('device cuda', () => {
  it(missing ? 'is refused here, naming what is missing' : 'opens a session here', () => {
    if (!missing) return expect(refusal).toBeUndefined();
    expect(refusal).toBeInstanceOf(DeviceUnavailableError);
    expect(missing).toMatch(
      /^Device 'cuda' was asked for, but .*(not installed: expected|cannot be loaded|no CUDA)/,
    );
    expect(missing).toContain('LATENTMORPH_DEVICE=cpu');
  });
});

describe.runIf(!missing)('on a GPU', async () => {
  const { modelsDir, threads } = loadConfig();
  const options = async (device: 'cpu' | 'cuda') => ({
    modelsDir,
    manifest: await readManifest(modelsDir),
    session: { device, threads },
  });
  let average: Float32Array;
  beforeAll(async () => {
    const { averageLatent } = (await options('cpu')).manifest;
    average = Float32Array.from({ length: STYLES * STYLE_DIM }, (_, i) => averageLatent[i % STYLE_DIM]!);
  });

  it('renders the average face as the CPU does', async () => {
    const [cpu, cuda] = [
      await Generator.load(await options('cpu')),
      await Generator.load(await options('cuda')),
    ];
    expect(cuda.device).toBe('cuda');
    const [a, b] = [await cpu.render(average), await cuda.render(average)];
    // TF32 convolutions keep ten bits of mantissa.
    expect(meanDifference(a, b)).toBeLessThan(5e-3);
  });

  it('takes the first step that the CPU takes, and the loss falls', async () => {
    const projector = new Projector(await options('cuda'));
    const target = new Float32Array(3 * TARGET_SIZE * TARGET_SIZE).fill(0.25);
    const latent = averageStart((await options('cuda')).manifest.averageLatent, STYLES);
    const zeros = () => new Float32Array(latent.length);
    const rates = Array.from({ length: 8 }, () => 0.02);
    const chunk = {
      space: 'w' as const,
      judgedAt: TARGET_SIZE,
      target,
      latent,
      m: zeros(),
      v: zeros(),
      step: 0,
      learningRates: rates,
      pixelWeight: 0,
      lpipsWeight: 0,
      prior: 0,
    };
    const [cuda] = await projector.run([chunk]);
    expect(cuda!.losses.at(-1)).toBeLessThan(cuda!.losses[0]!);
    const [cpu] = await new Projector(await options('cpu')).run([{ ...chunk, learningRates: [0.02] }]);
    expect(Math.abs(cuda!.losses[0]! / cpu!.losses[0]! - 1)).toBeLessThan(5e-3);
  });
});

function meanDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}
