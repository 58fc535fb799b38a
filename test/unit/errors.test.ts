import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { describeErrors } from '../../src/api/describe-errors.js';
import { problemOf } from '../../src/api/problem.js';
import { AppError, ERRORS } from '../../src/errors.js';

test('docs/errors.md is what the registry says; otherwise run `npm run build && npm run errors`', async () => {
  const text = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  expect(text).toBe(describeErrors());
});

test.each(Object.entries(ERRORS))('%s says in the registry what it means', (code, { meaning, title }) => {
  expect(meaning, `Give ${code} a \`meaning\` in src/error-codes.ts: cause, and what to do.`).toMatch(
    /^[A-Z`].{20,}\.$/s,
  );
  expect(meaning).not.toContain('\n');
  expect(meaning).not.toBe(title);
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
