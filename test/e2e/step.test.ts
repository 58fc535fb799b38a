/** The whole projection step, on the real weights, against PyTorch autograd (test/golden/step/make.py). */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { openSession, type Session } from '../../src/engine/session.js';
import { type StepVariant, stepModel } from '../../src/engine/step-model.js';
import { readManifest } from '../../src/models/manifest.js';

const golden = JSON.parse(readFileSync(new URL('../golden/step/golden.json', import.meta.url), 'utf8')) as {
  perceptual: { loss: number; gradient: string };
  pixel: { loss: number; gradient: string };
  adam: { rate: number; losses: number[]; latent: string };
};

const unpack = (text: string) => new Float32Array(new Uint8Array(Buffer.from(text, 'base64')).buffer);

/** The formulas of make.py. */
const latent = Float32Array.from({ length: 16 * 512 }, (_, i) => {
  const [layer, attribute] = [Math.floor(i / 512), i % 512];
  return 0.4 * Math.sin(1.7 * layer + 0.37 * attribute * (1 + 0.05 * layer));
});
const target = Float32Array.from({ length: 3 * 256 * 256 }, (_, i) => {
  const [channel, y, x] = [Math.floor(i / 65536), Math.floor(i / 256) % 256, i % 256];
  return 0.8 * Math.sin(0.05 * (channel + 1) * x + 0.03 * y) * Math.cos(0.02 * y);
});

let session: Session;

async function open(variant: Omit<StepVariant, 'styles'>): Promise<Session> {
  const { modelsDir, threads } = loadConfig();
  const path = await stepModel(modelsDir, await readManifest(modelsDir), { styles: 16, ...variant });
  return openSession(path, { device: 'cpu', threads });
}

beforeAll(async () => {
  session = await open({ space: 'w', judgedAt: 256 });
});
afterAll(() => session.release());

function steps(learningRates: number[], pixelWeight: number, on = session) {
  const state = (data: Float32Array) => ({ data, shape: [1, 16, 512] });
  const scalar = (x: number) => ({ data: Float32Array.of(x), shape: [] });
  return on.run({
    target: { data: target, shape: [1, 3, 256, 256] },
    latent: state(latent),
    m: state(new Float32Array(latent.length)),
    v: state(new Float32Array(latent.length)),
    step: scalar(0),
    learningRates: { data: Float32Array.from(learningRates), shape: [learningRates.length] },
    pixelWeight: scalar(pixelWeight),
  });
}

it.each([
  ['perceptual', 0],
  ['pixel', 0.5],
] as const)('%s loss and gradient are those of PyTorch', async (name, pixelWeight) => {
  const out = await steps([0], pixelWeight);
  const { loss, gradient } = golden[name];
  expect(Math.abs(out.losses!.data[0]! / loss - 1)).toBeLessThan(1e-5);
  const expected = unpack(gradient);
  const largest = Math.max(...expected.map(Math.abs));
  // After one step from zero, m = 0.1 g.
  const difference = Math.max(...expected.map((g, i) => Math.abs(out.mOut!.data[i]! / 0.1 - g)));
  expect(difference / largest).toBeLessThan(2e-3);
  expect(largest).toBeGreaterThan(1);
});

it('four Adam steps in the loop take the path of torch.optim.Adam', async () => {
  const { rate, losses, latent: end } = golden.adam;
  const out = await steps(
    losses.map(() => rate),
    0,
  );
  for (const [i, loss] of losses.entries())
    expect(Math.abs(out.losses!.data[i]! / loss - 1)).toBeLessThan(1e-5);
  // The first step of Adam is lr * sign(g): entries whose gradient is rounding noise may differ, the rest may not.
  const differences = unpack(end).map((x, i) => Math.abs(out.latentOut!.data[i]! - x));
  const mean = differences.reduce((sum, d) => sum + d, 0) / differences.length;
  expect(mean / rate).toBeLessThan(2e-2);
});

it('in P_N the loss is the same, a step of rate 0 gives the latent back, and steps lower the loss', async () => {
  const whitened = await open({ space: 'pn', judgedAt: 256 });
  const still = await steps([0], 0, whitened);
  expect(Math.abs(still.losses!.data[0]! / golden.perceptual.loss - 1)).toBeLessThan(1e-4);
  // There and back through a matrix with entries up to 10, in float32.
  const moved = Math.max(...latent.map((x, i) => Math.abs(still.latentOut!.data[i]! - x)));
  expect(moved).toBeLessThan(1e-3);
  const { losses } = await steps([0.02, 0.02, 0.02], 0, whitened);
  expect(losses!.data[2]).toBeLessThan(losses!.data[0]!);
  await whitened.release();
});

it('judged at 128 px the loss is on the scale of 256 px', async () => {
  const coarse = await open({ space: 'pn', judgedAt: 128 });
  const { losses } = await steps([0], 0, coarse);
  expect(losses!.data[0]! / golden.perceptual.loss).toBeGreaterThan(0.8);
  expect(losses!.data[0]! / golden.perceptual.loss).toBeLessThan(1.4);
  await coarse.release();
});
