/** What of the client would be published. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const FOLDER = `${ROOT}clients/typescript`;
const read = (path: string): Promise<string> => readFile(`${ROOT}${path}`, 'utf8');
const manifest = async (path: string) => JSON.parse(await read(path)) as Record<string, unknown>;

test('the package holds the built client, its types, README and licence, and nothing else', async () => {
  await run(process.execPath, [`${ROOT}node_modules/typescript/bin/tsc`, '-p', FOLDER]);
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: FOLDER });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const modules = ['api', 'error', 'events', 'latentmorph', 'request', 'transport'];
  expect(files.map(({ path }) => path).sort()).toEqual(
    [
      'LICENSE',
      'README.md',
      'package.json',
      ...modules.flatMap((name) => [`dist/${name}.d.ts`, `dist/${name}.js`]),
    ].sort(),
  );
});

test('is importable by what its `exports` say, needs nothing at run time, and bears the version of the service', async () => {
  const { exports, dependencies, version, license } = await manifest('clients/typescript/package.json');
  const entry = (exports as { '.': { default: string } })['.'].default;
  expect(await import(`${FOLDER}/${entry}`)).toMatchObject({
    Latentmorph: expect.any(Function),
    LatentmorphError: expect.any(Function),
  });
  expect(dependencies).toBeUndefined();
  expect([version, license]).toEqual([(await manifest('package.json')).version, 'Apache-2.0']);
  expect(await read('clients/typescript/LICENSE')).toBe(await read('LICENSE'));
});
