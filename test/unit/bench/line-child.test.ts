import { afterEach, expect, test } from 'vitest';
import { LineChild } from '../../../bench/step/line-child.js';

let child: LineChild | undefined;
afterEach(() => child?.stop());

/** A child that answers each line by the expression `reply`, in which `n` is the number asked for. */
async function start(reply: string, seconds = 20): Promise<LineChild> {
  const program = `
    console.log(JSON.stringify({ ready: 'test' }));
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const n = Number(line);
      const answer = ${reply};
      if (answer) console.log(JSON.stringify(answer));
    });`;
  const started = await LineChild.start('side', [process.execPath, '-e', program], { seconds });
  child = started.child;
  return child;
}

test('a line asks for steps, a line of JSON brings their losses', async () => {
  const side = await start('({ losses: Array(n).fill(7), seconds: 0.5 })');
  expect(await side.steps(2, 20)).toEqual({ losses: [7, 7], seconds: 0.5 });
  expect(await side.steps(1, 20)).toEqual({ losses: [7], seconds: 0.5 });
});

test('tells its peak memory while it lives, where the system does', async () => {
  const side = await start('({ losses: [Buffer.alloc(2 ** 27, 1)[5]], seconds: 0 })');
  const before = await side.peakBytes();
  await side.steps(1, 20);
  const after = await side.peakBytes();
  if (process.platform === 'linux') expect(after! - before!).toBeGreaterThan(2 ** 26);
  else expect([before, after]).toEqual([undefined, undefined]);
});

test.each([
  ['too few losses', '({ losses: [], seconds: 1 })', 'Expected 1 losses of side'],
  ['another answer', '({ loss: 1 })', 'side answered {"loss":1}'],
  ['an error', "({ error: 'no compiler' })", 'no compiler'],
  ['nothing', 'undefined', 'side: no answer within 0.3 s'],
  ['its end', "(console.error('out of memory'), process.exit(3))", 'side ended: out of memory'],
])('%s is an error that names the side', async (_, reply, message) => {
  const side = await start(reply);
  await expect(side.steps(1, 0.3 + 20 * Number(reply !== 'undefined'))).rejects.toThrow(message);
});

test('a program that is not there is an error', async () => {
  await expect(LineChild.start('side', ['no-such-program'], { seconds: 20 })).rejects.toThrow('side ended');
});
