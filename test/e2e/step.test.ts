/** The whole projection step, on the real weights, against PyTorch autograd (test/golden/step/make.py). */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { openSession, type Session } from '../../src/engine/session.js';
import { type StepVariant, stepModel } from '../../src/engine/step-model.js';
import { openStepper, type StepBatch, type Stepper } from '../../src/engine/stepper.js';
import { readManifest } from '../../src/models/manifest.js';
import { pnNorms } from '../../src/models/metrics/pn.js';
import { uniformFrom } from '../../src/models/random.js';
import { golden, goldenLatent as latent, waves as target, unpack } from '../support/step.js';

const { modelsDir, threads } = loadConfig();
const session = { device: 'cpu' as const, threads };
let plain: Stepper;

async function open(variant: Omit<StepVariant, 'styles' | 'batch'>, batch = 1): Promise<Stepper> {
  const manifest = await readManifest(modelsDir);
  return openStepper({ modelsDir, manifest, session }, { styles: 16, batch, ...variant });
}

beforeAll(async () => {
  plain = await open({ space: 'w', judgedAt: 256 });
});
afterAll(() => plain.release());

/** A batch of one from no momentum. */
const batchOf = (learningRates: number[], pixelWeight = 0): StepBatch => ({
  target,
  latent,
  m: new Float32Array(latent.length),
  v: new Float32Array(latent.length),
  step: [0],
  learningRates: learningRates.map((rate) => [rate]),
  pixelWeight: [pixelWeight],
  lpipsWeight: [0],
  prior: [0],
});

/** The same run by the form with the steps inside a loop, which GPUs take. */
async function loop(batch: StepBatch): Promise<{ losses: number[]; m: Float32Array }> {
  const variant = { space: 'w', styles: 16, judgedAt: 256, batch: 1 } as const;
  const path = await stepModel(modelsDir, await readManifest(modelsDir), 'loop', variant);
  const opened = await openSession(path, session);
  const each = (values: number[]) => ({ data: Float32Array.from(values), shape: [1] });
  const state = (data: Float32Array) => ({ data, shape: [1, 16, 512] });
  const { losses, mOut } = await opened.run({
    target: { data: batch.target, shape: [1, 3, 256, 256] },
    latent: state(batch.latent),
    m: state(batch.m),
    v: state(batch.v),
    step: each(batch.step),
    learningRates: {
      data: Float32Array.from(batch.learningRates.flat()),
      shape: [batch.learningRates.length, 1],
    },
    pixelWeight: each(batch.pixelWeight),
    prior: each(batch.prior),
  });
  await opened.release();
  return { losses: [...losses!.data], m: mOut!.data };
}

function expectGradient(m: Float32Array, gradient: string): void {
  const expected = unpack(gradient);
  const largest = Math.max(...expected.map(Math.abs));
  // After one step from zero, m = 0.1 g.
  const difference = Math.max(...expected.map((g, i) => Math.abs(m[i]! / 0.1 - g)));
  expect(difference / largest).toBeLessThan(1e-3);
  expect(largest).toBeGreaterThan(1);
}

it.each([
  ['perceptual', 0],
  ['pixel', 0.5],
] as const)('%s loss and gradient are those of PyTorch', async (name, pixelWeight) => {
  const { losses, m } = await plain.run(batchOf([0], pixelWeight));
  const { loss, gradient } = golden[name];
  expect(Math.abs(losses[0]![0]! / loss - 1)).toBeLessThan(1e-5);
  expectGradient(m, gradient);
});

it('the form with a loop gives the same loss and gradient', async () => {
  const { loss, gradient } = golden.perceptual;
  const { losses, m } = await loop(batchOf([0]));
  expect(Math.abs(losses[0]! / loss - 1)).toBeLessThan(1e-5);
  expectGradient(m, gradient);
});

it('LPIPS joins the gradient as in PyTorch, and not the loss that is reported', async () => {
  const { weight, gradient } = golden.lpips;
  const batch = { ...batchOf([0]), lpipsWeight: [weight] };
  const withLpips = await open({ space: 'w', judgedAt: 256, lpips: true });
  const { losses, m } = await withLpips.run(batch);
  await withLpips.release();
  expect(Math.abs(losses[0]![0]! / golden.perceptual.loss - 1)).toBeLessThan(1e-5);
  expectGradient(m, gradient);
});

it('four Adam steps take the path of torch.optim.Adam', async () => {
  const { rate, losses, latent: end } = golden.adam;
  const out = await plain.run(batchOf(losses.map(() => rate)));
  for (const [i, loss] of losses.entries())
    expect(Math.abs(out.losses[i]![0]! / loss - 1)).toBeLessThan(1e-5);
  // The first step of Adam is lr * sign(g): entries whose gradient is rounding noise may differ, the rest may not.
  const differences = unpack(end).map((x, i) => Math.abs(out.latent[i]! - x));
  const mean = differences.reduce((sum, d) => sum + d, 0) / differences.length;
  expect(mean / rate).toBeLessThan(2e-2);
});

it('in P_N the loss is the same, a step of rate 0 gives the latent back, and steps lower the loss', async () => {
  const whitened = await open({ space: 'pn', judgedAt: 256 });
  const still = await whitened.run(batchOf([0]));
  expect(Math.abs(still.losses[0]![0]! / golden.perceptual.loss - 1)).toBeLessThan(1e-4);
  // There and back through a matrix with entries up to 10, in float32.
  const moved = Math.max(...latent.map((x, i) => Math.abs(still.latent[i]! - x)));
  expect(moved).toBeLessThan(1e-3);
  const { losses } = await whitened.run(batchOf([0.02, 0.02, 0.02]));
  expect(losses[2]![0]).toBeLessThan(losses[0]![0]!);
  await whitened.release();
});

it('photos of a batch take the steps that they would take alone', async () => {
  const coarse = await open({ space: 'pn', judgedAt: 128 });
  const pair = await open({ space: 'pn', judgedAt: 128 }, 2);
  const other = target.map((x) => -x);
  const one = batchOf([0.02, 0.02]);
  const two = {
    ...one,
    target: other,
    step: [5],
    learningRates: [[0.1], [0.05]],
    pixelWeight: [0.5],
    prior: [10],
  };
  const alone = [await coarse.run(one), await coarse.run(two)];
  const twice = (a: Float32Array, b: Float32Array) => Float32Array.from([...a, ...b]);
  const together = await pair.run({
    target: twice(target, other),
    latent: twice(latent, latent),
    m: twice(one.m, two.m),
    v: twice(one.v, two.v),
    step: [0, 5],
    learningRates: [
      [0.02, 0.1],
      [0.02, 0.05],
    ],
    pixelWeight: [0, 0.5],
    lpipsWeight: [0, 0],
    prior: [0, 10],
  });
  for (const [i, { losses, latent: end }] of alone.entries()) {
    for (const k of [0, 1]) expect(together.losses[k]![i]! / losses[k]![0]!).toBeCloseTo(1, 4);
    const moved = end.map((x, j) => Math.abs(x - together.latent[i * end.length + j]!));
    expect(moved.reduce((sum, d) => sum + d, 0) / moved.length).toBeLessThan(1e-3);
  }
  await Promise.all([coarse.release(), pair.release()]);
});

it('judged at 128 px the loss is on the scale of 256 px', async () => {
  const coarse = await open({ space: 'pn', judgedAt: 128 });
  const { losses } = await coarse.run(batchOf([0]));
  expect(losses[0]![0]! / golden.perceptual.loss).toBeGreaterThan(0.8);
  expect(losses[0]![0]! / golden.perceptual.loss).toBeLessThan(1.4);
  await coarse.release();
});

it('the prior adds lambda mean(p^2) to what is differentiated, p being what the reported P_N norm measures', async () => {
  const coarse = await open({ space: 'pn', judgedAt: 128 });
  const lambda = 1e4;
  const without = await coarse.run(batchOf([0]));
  const withPrior = await coarse.run({ ...batchOf([0]), prior: [lambda] });
  await coarse.release();
  expect(withPrior.losses).toEqual(without.losses);

  const open1 = (file: string) =>
    openSession(join(modelsDir, file), { ...session, dimensions: { N: 1, L: 16 } });
  const maps = [
    await open1('step-whitening.onnx'),
    await open1('step-colouring.onnx'),
    await open1('whitening.onnx'),
  ];
  const [toSteps, fromSteps, toP] = maps as [Session, Session, Session];
  const shape = [1, 16, 512];
  const mapped = async (map: Session, name: string, data: Float32Array): Promise<Float32Array> =>
    Object.values(await map.run({ [name]: { data, shape } }))[0]!.data;
  const standard = async (x: Float32Array) => mapped(toP, 'w', await mapped(fromSteps, 'p', x));
  const x = await mapped(toSteps, 'w', latent);
  const p = await standard(x);
  const meanSquare = (values: Float32Array): number =>
    values.reduce((sum, v) => sum + v * v, 0) / values.length;
  // After one step from zero, m = (1 - beta1) g, in P_N 0.2 g; lambda mean(p^2) is nearly quadratic in x.
  const added = withPrior.m.map((m, i) => (m - without.m[i]!) / 0.2);
  for (const seed of [1, 2, 3]) {
    const uniform = uniformFrom(seed);
    const direction = x.map((v) => 0.02 * v * uniform());
    const [ahead, behind] = [
      await standard(x.map((v, i) => v + direction[i]!)),
      await standard(x.map((v, i) => v - direction[i]!)),
    ];
    const expected = (lambda * (meanSquare(ahead) - meanSquare(behind))) / 2;
    const actual = added.reduce((sum, g, i) => sum + g * direction[i]!, 0);
    expect(Math.abs(actual / expected - 1)).toBeLessThan(2e-2);
  }
  await Promise.all(maps.map((map) => map.release()));
  const { perStyle } = pnNorms(p, 16);
  const meanOfSquares = perStyle.reduce((sum, norm) => sum + norm ** 2, 0) / perStyle.length;
  expect(meanSquare(p)).toBeCloseTo(meanOfSquares, 4);
});

it('judged at 224 px, as in the paper, the loss is on the scale of 256 px, its gradient nearly that, and steps lower it', async () => {
  const paper = await open({ space: 'w', judgedAt: 224 });
  const { losses, m } = await paper.run(batchOf([0]));
  const { loss, gradient } = golden.perceptual;
  expect(losses[0]![0]! / loss).toBeGreaterThan(0.9);
  expect(losses[0]![0]! / loss).toBeLessThan(1.1);
  const full = unpack(gradient);
  const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  expect(dot(m, full) / Math.sqrt(dot(m, m) * dot(full, full))).toBeGreaterThan(0.8);
  const after = await paper.run(batchOf([0.01, 0.01, 0.01]));
  expect(after.losses[2]![0]).toBeLessThan(after.losses[0]![0]!);
  await paper.release();
});

it('LPIPS joins the loss at 224 px, too', async () => {
  const judgedAt = 224;
  const without = await open({ space: 'w', judgedAt });
  const { losses } = await without.run(batchOf([0]));
  await without.release();
  const joined = await open({ space: 'w', judgedAt, lpips: true });
  // The loss that is told is the paper's, whatever else is differentiated.
  const { losses: told, m } = await joined.run({ ...batchOf([0]), lpipsWeight: [30_000] });
  await joined.release();
  expect(told[0]![0]! / losses[0]![0]!).toBeCloseTo(1, 4);
  expect(m.every(Number.isFinite)).toBe(true);
});
