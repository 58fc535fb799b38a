/** What Docker, Compose, CI and the README say about the project holds for the project. Docker itself is not needed. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config.js';
import { EmbeddingOptions } from '../../src/contracts.js';
import { LICENCES } from '../../src/models/convert/licences.js';
import * as packages from '../../src/models/packages.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const json = <T>(path: string): T => JSON.parse(text(path)) as T;

const manifest = json<{ version: string; license: string; scripts: Record<string, string> }>('package.json');
const lock = json<{
  version: string;
  packages: Record<string, { version: string; dev?: true; hasInstallScript?: true }>;
}>('package-lock.json');

/** The source of each `dist/*.js` and `dist-bench/bench/*.js` that the text names. */
const entryPoints = (content: string): string[] => [
  ...[...content.matchAll(/\bdist\/([\w/-]+)\.js/g)].map(([, path]) => `src/${path}.ts`),
  ...[...content.matchAll(/\bdist-bench\/([\w/-]+)\.js/g)].map(([, path]) => `${path}.ts`),
];
const missing = (paths: readonly string[]): string[] => paths.filter((path) => !existsSync(join(ROOT, path)));

/** Names of all variables that the configuration reads. */
const variables: readonly string[] = (() => {
  const names = new Set<string>();
  const env = new Proxy({}, { get: (_, name) => void names.add(String(name)) });
  loadConfig(env);
  return [...names];
})();

test('package.json, lock and changelog agree on the version; the licence is Apache 2.0', () => {
  expect(lock.version).toBe(manifest.version);
  expect(/^## \[(.+?)\]/m.exec(text('CHANGELOG.md'))?.[1]).toBe(manifest.version);
  expect(manifest.license).toBe('Apache-2.0');
  expect(text('LICENSE')).toMatch(/Apache License\s+Version 2\.0, January 2004[\s\S]+END OF TERMS/);
});

test('every npm script starts something that exists', () => {
  expect(missing(entryPoints(Object.values(manifest.scripts).join('\n')))).toEqual([]);
});

describe('docker-compose.yml', () => {
  interface Service {
    image: string;
    build?: { context: string; dockerfile: string };
    command: string[];
    environment?: Record<string, string>;
    volumes?: string[];
    depends_on?: Record<string, { condition: string }>;
    healthcheck?: { test: string[] };
    profiles?: string[];
    user?: string;
    read_only?: boolean;
    tmpfs?: string[];
    cap_drop?: string[];
    cap_add?: string[];
    privileged?: boolean;
    security_opt?: string[];
    pids_limit?: number;
    deploy?: { resources: { reservations: { devices: { driver: string; capabilities: string[] }[] } } };
  }
  const compose = parse(text('docker-compose.yml'), { merge: true }) as {
    services: Record<string, Service>;
    volumes: Record<string, null>;
  };
  const services = Object.entries(compose.services);
  const ours = services.filter(([, { build }]) => build);

  test('has Redis, models, API and workers, the one on a GPU only when asked for', () => {
    expect(services.map(([name]) => name)).toEqual(['redis', 'models', 'api', 'worker', 'worker-gpu']);
    const { profiles, deploy, environment } = compose.services['worker-gpu']!;
    expect(profiles).toEqual(['gpu']);
    expect(deploy?.resources.reservations.devices[0]).toMatchObject({
      driver: 'nvidia',
      capabilities: ['gpu'],
    });
    expect(environment?.LATENTMORPH_DEVICE).toBe('cuda');
  });

  test.each(ours)('%s runs a program of ours with variables that we read', (_, service) => {
    const command = service.command.join(' ');
    expect(command).toMatch(/^node .*dist\//);
    expect(missing(entryPoints(command))).toEqual([]);
    expect(existsSync(join(ROOT, service.build!.context, service.build!.dockerfile))).toBe(true);
    expect(variables).toEqual(expect.arrayContaining(Object.keys(service.environment ?? {})));
    const { REDIS_URL: url, ...settings } = service.environment ?? {};
    expect(compose.services[new URL(url!).hostname]).toBeDefined();
    expect(() => loadConfig({ ...settings, LOG_LEVEL: 'info', REDIS_URL: url })).not.toThrow();
  });

  test.each(services)('%s mounts volumes and waits for services that exist', (_, service) => {
    for (const volume of service.volumes ?? []) {
      const [name, target] = volume.split(':');
      expect(Object.keys(compose.volumes)).toContain(name);
      if (service.build)
        expect([service.environment?.LATENTMORPH_DATA, service.environment?.LATENTMORPH_MODELS]).toContain(
          target,
        );
    }
    for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect(compose.services[name]).toBeDefined();
      if (condition === 'service_healthy') expect(compose.services[name]!.healthcheck).toBeDefined();
    }
  });

  test.each(services)('%s may do nothing that it need not', (_, service) => {
    expect(service).toMatchObject({
      read_only: true,
      tmpfs: ['/tmp:size=512m,mode=1777,nosuid,nodev,noexec'],
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      pids_limit: 2048,
    });
    expect([service.cap_add, service.privileged]).toEqual([undefined, undefined]);
    for (const volume of service.volumes ?? []) expect(volume).toMatch(/^\w+:\/(data|models)$/);
  });

  test('asks for probes that exist', () => {
    const probes = services.flatMap(([, { healthcheck }]) =>
      [...(healthcheck?.test.join(' ') ?? '').matchAll(/:3000(\/\w+)/g)].map(([, path]) => path!),
    );
    const { paths } = parse(text('openapi.yaml')) as { paths: Record<string, unknown> };
    expect(new Set(probes)).toEqual(new Set(['/healthz', '/readyz']));
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(probes));
  });

  test('runs a Redis that forgets and evicts nothing, of the version that the tests use', () => {
    const { command, image, user } = compose.services.redis!;
    expect(command.join(' ')).toContain('--appendonly yes');
    expect(command.join(' ')).toContain('--maxmemory-policy noeviction');
    expect(text('test/support/redis.ts')).toContain(`'${image}'`);
    expect(user).toBe('redis');
  });
});

describe.each(['Dockerfile', 'Dockerfile.gpu'])('%s', (name) => {
  const content = text(name).replace(/\\\n/g, ' ');
  const final = content.slice(content.lastIndexOf('\nFROM '));

  test('copies what exists and is not ignored, from stages that exist', () => {
    const stages = [...content.matchAll(/^FROM .+ AS (\w+)$/gm)].map(([, stage]) => stage);
    for (const [, from] of content.matchAll(/^COPY --from=(\S+)/gm)) expect(stages).toContain(from);
    const copied = [...content.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, list]) =>
      list!.split(' '),
    );
    expect(missing(copied)).toEqual([]);
    const kept = text('.dockerignore').split('\n');
    for (const path of copied) expect(kept).toContain(`!${path}`);
  });

  test('runs scripts and programs that exist, not as root', () => {
    for (const [, script] of content.matchAll(/npm run (\S+)/g))
      expect(Object.keys(manifest.scripts)).toContain(script);
    expect(missing(entryPoints(content))).toEqual([]);
    const started = entryPoints(/^CMD (.+)$/m.exec(final)![1]!);
    expect(started).toHaveLength(1);
    expect(missing(started)).toEqual([]);
    expect(/^USER (.+)$/m.exec(final)?.[1]).toMatch(/^(node|1000:1000)$/);
  });

  test('sets variables that the configuration reads', () => {
    const set = [...final.matchAll(/\b((?:LATENTMORPH_\w+)|HOST)=/g)].map(([, variable]) => variable!);
    expect(set.length).toBeGreaterThan(0);
    expect(variables).toEqual(expect.arrayContaining(set));
  });
});

test('no production dependency needs an install script, which the images skip', () => {
  const withScript = Object.entries(lock.packages)
    .filter(([, { hasInstallScript, dev }]) => hasInstallScript && !dev)
    .map(([path]) => path.replace('node_modules/', ''));
  // The first is optional and comes prebuilt, the second would download CUDA.
  expect(withScript).toEqual(['msgpackr-extract', 'onnxruntime-node']);
});

test('the images run one version of Node', () => {
  const bases = ['Dockerfile', 'Dockerfile.gpu'].flatMap((name) => text(name).match(/node:\S+/g) ?? []);
  expect([...new Set(bases)]).toEqual(['node:22-bookworm-slim']);
});

test('the CUDA provider has the version of the binding, and goes where the engine looks for it', () => {
  const content = text('Dockerfile.gpu');
  const { version } = lock.packages['node_modules/onnxruntime-node']!;
  expect(/^ARG ONNXRUNTIME=(.+)$/m.exec(content)?.[1]).toBe(version);
  expect(text('NOTICE')).toContain(`onnxruntime-gpu ${version}`);
  const folder = 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64';
  expect(content).toContain(`COPY --from=provider /provider/lib ${folder}`);
  expect(missing([folder])).toEqual([]);
});

test('.ci/run can be executed and is valid bash', () => {
  expect(statSync(join(ROOT, '.ci/run')).mode & 0o111).toBe(0o111);
  expect(spawnSync('bash', ['-n', join(ROOT, '.ci/run')], { encoding: 'utf8' })).toMatchObject({
    status: 0,
    stderr: '',
  });
});

test('NOTICE names every pinned package with its version, and every licence of the models', () => {
  const notice = text('NOTICE');
  const pinned = Object.values(packages)
    .filter((value) => typeof value === 'object')
    .flatMap((value) => ('version' in value ? [value] : Object.values(value)));
  expect(pinned.length).toBeGreaterThanOrEqual(4);
  for (const { name, version, source } of pinned) {
    expect(notice).toContain(`${name} ${version}`);
    expect(notice).toContain(source);
  }
  const faces = '@vladmandic/face-api';
  expect(notice).toContain(`${faces} ${lock.packages[`node_modules/${faces}`]!.version}`);
  for (const { licence } of LICENCES) expect(notice).toContain(licence);
});

describe('README.md and guides', () => {
  const readme = text('README.md');
  /** Cells of the rows below a table's head in a guide. */
  const table = (guide: string, head: string): string[][] => {
    const content = text(`docs/guides/${guide}.md`);
    const [, ...lines] = content.slice(content.indexOf(`| ${head} |`)).split('\n');
    const rows = lines.slice(1, lines.indexOf(''));
    return rows.map((row) => row.split('|').map((cell) => cell.trim().replaceAll('`', '')));
  };

  test('the README has fewer than 200 lines', () => {
    expect(readme.split('\n').length).toBeLessThan(200);
  });

  test('list exactly the variables that the configuration reads', () => {
    expect(table('configuration', 'variable').map(([, name]) => name)).toEqual(variables);
  });

  test('list exactly the operations of the API', () => {
    const { paths } = parse(text('openapi.yaml')) as { paths: Record<string, object> };
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(new Set(table('api', 'request').map(([, request]) => request))).toEqual(new Set(operations));
  });

  test('list exactly the options of an embedding, with their defaults', () => {
    const options = Object.entries(EmbeddingOptions.properties).map(([name, schema]) => [
      name,
      'default' in schema ? String(schema.default) : 'none',
    ]);
    expect(table('api', 'option').map(([, name, value]) => [name, value])).toEqual(options);
  });
});

const documents = [
  'README.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'clients/typescript/README.md',
  ...markdown('docs'),
];

function markdown(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join(folder, path));
}

test.each(documents)('%s links to files that exist and names scripts that exist', (path) => {
  const content = text(path);
  const links = [...content.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, to]) => join(dirname(path), to!));
  expect(missing([...links, ...entryPoints(content)])).toEqual([]);
  for (const [, script] of content.matchAll(/npm run ([\w:]*\w)/g))
    expect(Object.keys(manifest.scripts)).toContain(script);
});

test('decision records have numbers of their own', () => {
  const numbers = readdirSync(join(ROOT, 'docs/decisions')).map(
    (name) => /^(\d{4})-[a-z0-9-]+\.md$/.exec(name)?.[1],
  );
  expect(numbers).not.toContain(undefined);
  expect(new Set(numbers).size).toBe(numbers.length);
});
