/** What a log tells about an error, and what it must not. */
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { createJobLog, createLog } from '../../src/log.js';

test.each([
  ['of the API', createLog],
  ['of a worker', createJobLog],
])('the log %s tells type, message, stack and code of an error, and nothing that it carries', (_, create) => {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const log = create('x', 'info', destination);
  const command = { name: 'hset', args: ['reference', 'anna-mueller'] };
  const error = Object.assign(new Error('OOM'), { code: 'EOOM', command, value: 'anna-mueller' });
  log.warn({ err: error }, 'redis');
  log.warn({ err: 'anna-mueller' }, 'thrown');
  expect(lines.join('')).not.toContain('anna-mueller');
  const [line] = lines.map((text) => JSON.parse(text));
  expect(line.err).toMatchObject({ type: 'Error', message: 'OOM', code: 'EOOM' });
  expect(line.err.stack).toContain('log.test.ts');
});
