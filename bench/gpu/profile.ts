/** Which operators of the steps cost what on the GPU's host, and which of them do not run on the GPU. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { STYLE_DIM, STYLES } from '../../src/contracts.js';
import type { EngineOptions } from '../../src/engine/generator.js';
import { stepModel, TARGET_SIZE } from '../../src/engine/step-model.js';
import type { Precision } from './steps.js';

const Events = Type.Array(
  Type.Object({
    cat: Type.String(),
    name: Type.String(),
    dur: Type.Number(),
    args: Type.Optional(
      Type.Object({ op_name: Type.Optional(Type.String()), provider: Type.Optional(Type.String()) }),
    ),
  }),
);

const STEPS = 10;
const RUNS = 2;
/** Operators that run graphs of their own, whose nodes are counted themselves. */
const CONTAINER = 'Loop';

export interface OpCost {
  op: string;
  /** How often it runs in a step. */
  runs: number;
  /** Milliseconds of a step. What a GPU does after the launch is not in it. */
  ms: number;
  provider: string;
}

/** The loop of a batch, its operators by cost. Inputs are constants: no kernel depends on values for its time. */
export async function profileSteps(
  { modelsDir, manifest }: EngineOptions,
  precision: Precision,
  n: number,
): Promise<OpCost[]> {
  const variant = { space: 'pn', styles: STYLES, judgedAt: TARGET_SIZE, batch: n } as const;
  const path = await stepModel(modelsDir, manifest, 'loop', {
    ...variant,
    ...(precision === 'half' && { half: true }),
  });
  const folder = await mkdtemp(join(tmpdir(), 'latentmorph-profile-'));
  try {
    const session = await InferenceSession.create(path, {
      executionProviders: ['cuda'],
      logSeverityLevel: 3,
      enableProfiling: true,
      profileFilePrefix: join(folder, 'steps'),
    });
    for (let i = 0; i < RUNS; i++) await session.run(feeds(n, STEPS));
    session.endProfiling();
    await session.release();
    const [file] = await readdir(folder);
    return costs(JSON.parse(await readFile(join(folder, file!), 'utf8')));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function feeds(n: number, steps: number): Record<string, Tensor> {
  const constant = (value: number, shape: number[]): Tensor => {
    const size = shape.reduce((product, d) => product * d, 1);
    return new Tensor('float32', new Float32Array(size).fill(value), shape);
  };
  const state = [n, STYLES, STYLE_DIM];
  return {
    target: constant(0.1, [n, 3, TARGET_SIZE, TARGET_SIZE]),
    latent: constant(0.1, state),
    m: constant(0, state),
    v: constant(0, state),
    step: constant(0, [n]),
    learningRates: constant(0.01, [steps, n]),
    pixelWeight: constant(0, [n]),
    prior: constant(0, [n]),
  };
}

/** Means over all steps. Throws when the events are none of ONNX Runtime's. */
export function costs(events: unknown): OpCost[] {
  if (!Value.Check(Events, events)) throw new Error('Not a profile of ONNX Runtime');
  const found = new Map<string, OpCost>();
  for (const { cat, name, dur, args } of events) {
    const { op_name: op, provider = 'unknown' } = args ?? {};
    if (cat !== 'Node' || !name.endsWith('_kernel_time') || !op || op === CONTAINER) continue;
    const cost = found.get(`${op} ${provider}`) ?? { op, runs: 0, ms: 0, provider };
    cost.runs += 1;
    cost.ms += dur;
    found.set(`${op} ${provider}`, cost);
  }
  const steps = RUNS * STEPS;
  return [...found.values()]
    .map(({ runs, ms, ...cost }) => ({ ...cost, runs: runs / steps, ms: ms / 1000 / steps }))
    .toSorted((a, b) => b.ms - a.ms);
}
