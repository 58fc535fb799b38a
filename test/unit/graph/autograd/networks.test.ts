/** Networks as PyTorch exports them, against PyTorch autograd (test/golden/autograd/make.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { differentiate } from '../../../../src/models/graph/differentiate.js';
import type { Graph } from '../../../../src/models/graph/ir.js';
import { averageOfUpsampling } from '../../../../src/models/graph/passes/average-of-upsampling.js';
import { composePointwise } from '../../../../src/models/graph/passes/compose-pointwise.js';
import { dotAsConvolution } from '../../../../src/models/graph/passes/dot-as-convolution.js';
import { mergeScales } from '../../../../src/models/graph/passes/merge-scales.js';
import { poolEarly } from '../../../../src/models/graph/passes/pool-early.js';
import { rewriteAll } from '../../../../src/models/graph/passes/rewrite.js';
import { absorbScalar, steepActivations } from '../../../../src/models/graph/passes/steep-activations.js';
import { winograd } from '../../../../src/models/graph/passes/winograd.js';
import { readOnnx } from '../../../../src/models/graph/read-onnx.js';
import { verify } from '../../../../src/models/graph/verify.js';
import { withBrokenRule } from './broken-rule.js';
import { errorsOf, GOLDEN, unpack } from './golden.js';

interface Network {
  input: { name: string; data: string };
  loss: number;
  gradient: string;
  exports: string[];
}

const { networks } = JSON.parse(readFileSync(new URL('golden.json', GOLDEN), 'utf8')) as {
  networks: Record<string, Network>;
};
const byFile = new Map(
  Object.values(networks).flatMap((network) => network.exports.map((file) => [file, network] as const)),
);

const ops = ({ nodes }: Graph): string[] => nodes.map(({ op }) => op);

const read = (file: string): Graph => verify(readOnnx(readFileSync(new URL(`models/${file}`, GOLDEN))));

/** What `npm run grad` writes. */
const differentiated = (forward: Graph): Graph => differentiate(forward, 'loss', forward.inputs);

function errors(file: string, graph: Graph) {
  const { input, loss, gradient } = byFile.get(file)!;
  const golden = { loss, gradients: { [input.name]: unpack(gradient) } };
  return errorsOf(graph, { [input.name]: unpack(input.data) }, golden);
}

/** PyTorch's own float32 gradients are 2e-7 to 8e-7 from the golden ones, which were computed in float64. */
const TOLERANCE = { loss: 1e-6, gradient: 5e-6 };

describe('loss and gradient of exported networks are those of autograd', () => {
  it.each([...byFile.keys()])('%s', async (file) => {
    const { loss, gradient } = await errors(file, differentiated(read(file)));
    expect(loss, 'loss').toBeLessThan(TOLERANCE.loss);
    expect(gradient, 'gradient').toBeLessThan(TOLERANCE.gradient);
  });
});

describe('all passes, before and after differentiation, leave loss and gradient as they are', () => {
  it.each(['stylegan2-activations-dynamo-18.onnx', 'resnet18-dynamo-19.onnx', 'unet-resize-dynamo-18.onnx'])(
    '%s',
    async (file) => {
      const forward = read(file);
      const before = rewriteAll(forward, [
        averageOfUpsampling,
        composePointwise,
        poolEarly,
        mergeScales,
        steepActivations,
        absorbScalar,
      ]);
      const after = rewriteAll(differentiated(before), [winograd, dotAsConvolution]);
      expect(ops(after)).not.toEqual(ops(differentiated(forward)));
      const { loss, gradient } = await errors(file, after);
      expect(loss, 'loss').toBeLessThan(TOLERANCE.loss);
      expect(gradient, 'gradient').toBeLessThan(TOLERANCE.gradient);
    },
  );
});

describe('a gradient that is wrong in one rule fails', () => {
  it.each([
    ['stylegan2-weights-dynamo-20.onnx', 'ConvTranspose', 1.01],
    ['stylegan2-activations-script-20.onnx', 'Clip', -1],
    ['stylegan1-dynamo-21.onnx', 'InstanceNormalization', 1.01],
    ['resnet18-script-17.onnx', 'MaxPool', 1.01],
    ['resnet18-dynamo-19.onnx', 'Conv', -1],
    ['unet-resize-script-19.onnx', 'Resize', 1.01],
    ['unet-transposed-script-17.onnx', 'Concat', 1.01],
    ['vit-script-17.onnx', 'Softmax', 1.01],
    ['vit-dynamo-20.onnx', 'LayerNormalization', -1],
  ] as const)('%s, %s times %d', async (file, op, factor) => {
    const { loss, gradient } = await errors(
      file,
      withBrokenRule(op, factor, () => differentiated(read(file))),
    );
    expect(loss, 'loss').toBeLessThan(TOLERANCE.loss);
    expect(gradient, 'gradient').toBeGreaterThan(10 * TOLERANCE.gradient);
  });
});
