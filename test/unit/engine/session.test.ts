import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cudaProviderPath } from '../../../src/engine/cuda-provider.js';
import { openSession } from '../../../src/engine/session.js';
import { GraphBuilder } from '../../../src/models/graph/builder.js';
import { writeOnnx } from '../../../src/models/graph/write-onnx.js';

/** y = x + x and row = x[rows] for x [2,3] and an int64 index [1]. */
function model(): Uint8Array {
  const b = new GraphBuilder('double');
  const x = b.input('x', 'float32', [2, 3]);
  const rows = b.input('rows', 'int64', [1]);
  b.output(b.op('Add', [x, x]), 'y');
  b.output(b.op('Gather', [x, rows], { axis: 0 }), 'row');
  return writeOnnx(b.build());
}

const x = { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] };
const rows = { data: BigInt64Array.of(1n), shape: [1] };
const cpu = { device: 'cpu', threads: 1 } as const;

describe('openSession', () => {
  it('runs float32 and int64 inputs on the CPU', async () => {
    const session = await openSession(model(), cpu);
    expect(session.device).toBe('cpu');
    const { y, row } = await session.run({ x, rows });
    expect(y).toEqual({ data: Float32Array.of(2, 4, 6, 8, 10, 12), shape: [2, 3] });
    expect(row).toEqual({ data: Float32Array.of(4, 5, 6), shape: [1, 3] });
    await session.release();
  });

  it('refuses data that does not fill its shape', async () => {
    const session = await openSession(model(), cpu);
    await expect(session.run({ x: { ...x, shape: [2, 2] }, rows })).rejects.toThrow(
      "Expected 4 values for 'x' [2,2] but received 6",
    );
    await session.release();
  });

  it('fails on bytes that are no model', async () => {
    await expect(openSession(Uint8Array.of(1, 2, 3), cpu)).rejects.toThrow(/protobuf parsing failed/);
  });

  it.runIf(!existsSync(cudaProviderPath() ?? ''))(
    'takes the CPU for auto, and refuses cuda by name, where the provider library is not installed',
    async () => {
      const auto = await openSession(model(), { device: 'auto', threads: 1 });
      expect([auto.device, auto.fallbackReason]).toEqual(['cpu', undefined]);
      await auto.release();
      await expect(openSession(model(), { device: 'cuda', threads: 1 })).rejects.toThrow(
        /^Device 'cuda' was asked for, but (the CUDA provider library is not installed: expected .*providers_cuda|onnxruntime-node has no CUDA provider)/,
      );
    },
  );
});
