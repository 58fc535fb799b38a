/** The guide lists the ops that there are. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OPS } from '../../../src/models/graph/ops/index.js';
import { READ_AS_OTHERS } from '../../../src/models/graph/read/upgrade.js';

const guide = readFileSync(new URL('../../../docs/guides/gradients.md', import.meta.url), 'utf8');

/** Names of ops in a section. `Relu` and the like in its running text are listed there too. */
function listed(heading: string): string[] {
  const section = guide.split(/^## /m).find((part) => part.startsWith(heading))!;
  return [...new Set([...section.matchAll(/`([A-Z]\w+)`/g)].map(([, op]) => op!))].sort();
}

const opsWhere = (holds: (op: string) => boolean): string[] => [...OPS.keys()].filter(holds).sort();

describe('docs/guides/gradients.md', () => {
  it('lists every op with a gradient', () => {
    expect(listed('Ops with a gradient')).toEqual(opsWhere((op) => typeof OPS.get(op)!.grad === 'function'));
  });

  it('lists every op of zero gradient', () => {
    expect(listed('Ops whose gradient is zero')).toEqual(opsWhere((op) => OPS.get(op)!.grad === false));
  });

  it('lists every op that is read as others', () => {
    expect(listed('Read as others').filter((op) => op !== 'MatMul')).toEqual([...READ_AS_OTHERS].sort());
  });
});
