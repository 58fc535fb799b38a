import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closure } from '../../../../bench/gpu/packages.js';

const SCRIPT = fileURLToPath(new URL('../../../../bench/gpu/run-bundle.sh', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'latentmorph-bundle-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('closure', () => {
  const install = (packages: Record<string, object>, installed = Object.keys(packages)): void => {
    for (const path of installed) mkdirSync(join(folder, path), { recursive: true });
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...packages } }));
  };

  it('finds everything that a package needs, where Node would find it', () => {
    install({
      'node_modules/a': { dependencies: { b: '1' }, peerDependencies: { d: '1' } },
      'node_modules/b': { dependencies: { c: '2', a: '1' } },
      'node_modules/b/node_modules/c': {},
      'node_modules/c': {},
      'node_modules/d': {},
      'node_modules/unasked': {},
    });
    expect(closure(folder, ['a'])).toEqual([
      'node_modules/a',
      'node_modules/b',
      'node_modules/b/node_modules/c',
      'node_modules/d',
    ]);
  });

  it('leaves out what another platform needs, and names what is missing', () => {
    install({ 'node_modules/a': { optionalDependencies: { 'a-win': '1' } }, 'node_modules/a-win': {} }, [
      'node_modules/a',
    ]);
    expect(closure(folder, ['a'])).toEqual(['node_modules/a']);
    install({ 'node_modules/a': { dependencies: { gone: '1' } } });
    expect(() => closure(folder, ['a'])).toThrow(
      'The package gone, which node_modules/a needs, is not installed',
    );
  });
});

describe.runIf(process.platform === 'linux')('run-bundle.sh', () => {
  const run = (from: string, ...args: string[]) =>
    spawnSync('sh', [join(from, 'run-bundle.sh'), ...args], {
      encoding: 'utf8',
      env: { ...process.env, BUNDLE_DIR: join(folder, 'store') },
    });
  const shell = (command: string): void => {
    expect(spawnSync('bash', ['-ec', command], { cwd: folder, encoding: 'utf8' }).stderr).toBe('');
  };

  /** A bundle whose Node prints what it is given, in two parts, each with the script in a folder of its own. */
  function bundle(): void {
    mkdirSync(join(folder, 'app'));
    writeFileSync(join(folder, 'app/node'), '#!/bin/sh\necho "$@"\nexit 3\n');
    chmodSync(join(folder, 'app/node'), 0o755);
    shell(
      'tar -C app -c . | xz > all; split -n 2 -d all bundle.part-; sha256sum bundle.part-* > bundle.sha256',
    );
    for (const part of ['00', '01']) {
      const one = join(folder, part);
      mkdirSync(one);
      cpSync(SCRIPT, join(one, 'run-bundle.sh'));
      cpSync(join(folder, 'bundle.sha256'), join(one, 'bundle.sha256'));
      cpSync(join(folder, `bundle.part-${part}`), join(one, `bundle.part-${part}`));
    }
  }

  it('collects its parts over several calls and runs the bench with the last', () => {
    bundle();
    const first = run(join(folder, '00'));
    expect(first.status).toBe(4);
    expect(first.stderr).toContain('Parts are missing or broken: bundle.part-01');
    const second = run(join(folder, '01'), '--json');
    expect(second.stdout).toContain('dist-bench/bench/gpu.js --json');
    expect(second.status).toBe(3);
    expect(run(join(folder, '00')).status).toBe(3);
  });

  it('refuses a part that is broken', () => {
    bundle();
    run(join(folder, '00'));
    writeFileSync(join(folder, '01/bundle.part-01'), 'something else');
    const { status, stderr } = run(join(folder, '01'));
    expect([status, stderr]).toEqual([4, expect.stringContaining('bundle.part-01')]);
  });
});
