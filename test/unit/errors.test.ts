import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { problemOf } from '../../src/api/problem.js';
import { AppError, ERRORS } from '../../src/errors.js';

test('docs/errors.md and the registry list the same codes, statuses and retries', async () => {
  const text = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\d+) \| (yes|no) \| (.+) \|$/gm)];
  const documented = rows.map(([, code, status, retry]) => `${code} ${status} ${retry}`);
  const known = Object.entries(ERRORS).map(
    ([code, e]) => `${code} ${e.status} ${e.retryable ? 'yes' : 'no'}`,
  );
  expect(documented).toEqual(known);
});

test('a problem shows the public face of an error and nothing of its cause', () => {
  const error = new AppError('EMBEDDING_NOT_READY', {
    detail: 'It is running.',
    extra: { state: 'running', status: 200, code: 'FORGED' },
    cause: new Error('/etc/passwd'),
  });
  const problem = problemOf(error, 'req-1');
  expect(problem).toEqual({
    type: 'urn:latentmorph:problem:EMBEDDING_NOT_READY',
    title: ERRORS.EMBEDDING_NOT_READY.title,
    status: 409,
    detail: 'It is running.',
    code: 'EMBEDDING_NOT_READY',
    instance: 'req-1',
    state: 'running',
  });
  expect(JSON.stringify(problem)).not.toContain('passwd');
});
