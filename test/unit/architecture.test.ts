/** The rules on who may import whom, read from the sources themselves. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Import {
  /** Package name, `node:` module, or path from the root of a file of ours. */
  readonly target: string;
  /** Gone at run time. */
  readonly typeOnly: boolean;
}

interface Source {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

const sources: readonly Source[] = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => read(join('src', path)))
  .sort((a, b) => (a.path < b.path ? -1 : 1));

function read(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return { path, text, imports: importsOf(path, text) };
}

/** Static and dynamic imports and exports from elsewhere. */
function importsOf(path: string, text: string): Import[] {
  const statements = text.matchAll(/^(?:import|export)\s(?<names>[^'";]*?)\s*from\s+'(?<from>[^']+)'/gm);
  const calls = text.matchAll(/\bimport\(\s*'(?<from>[^']+)'|^import\s+'(?<bare>[^']+)'/gm);
  return [
    ...[...statements].map(({ groups }) => ({
      target: resolve(path, groups!.from!),
      typeOnly: isTypeOnly(groups!.names!),
    })),
    ...[...calls].map(({ groups }) => ({
      target: resolve(path, (groups!.from ?? groups!.bare)!),
      typeOnly: false,
    })),
  ];
}

function isTypeOnly(names: string): boolean {
  if (/^type\s/.test(names)) return true;
  const list = /^\{(?<list>[^}]*)\}$/.exec(names)?.groups?.list;
  const all = list?.split(',').map((name) => name.trim());
  return all?.every((name) => name === '' || name.startsWith('type ')) ?? false;
}

function resolve(path: string, from: string): string {
  if (from.startsWith('.')) return normalize(join(dirname(path), from)).replace(/\.js$/, '.ts');
  return from.startsWith('@') ? from.split('/').slice(0, 2).join('/') : from.split('/')[0]!;
}

const importersOf = (target: string): string[] =>
  sources.filter(({ imports }) => imports.some((one) => one.target === target)).map(({ path }) => path);

const within = (folder: string): Source[] => sources.filter(({ path }) => path.startsWith(`src/${folder}`));

test('the sources were found and their imports understood', () => {
  expect(sources.length).toBeGreaterThan(80);
  const paths = new Set(sources.map(({ path }) => path));
  const unknown = sources.flatMap(({ path, imports }) =>
    imports
      .filter(({ target }) => target.startsWith('src/') && !paths.has(target))
      .map(({ target }) => `${path} -> ${target}`),
  );
  expect(unknown).toEqual([]);
  expect(importersOf('src/contracts.ts').length).toBeGreaterThan(10);
});

describe('one importer', () => {
  test.each([
    [
      'bullmq',
      [
        'src/queue.ts',
        'src/worker/embed-worker.ts',
        'src/worker/job-boundary.ts',
        'src/worker/main.ts',
        'src/worker/observed.ts',
        'src/worker/render-worker.ts',
      ],
    ],
    ['sharp', ['src/images.ts']],
    ['onnxruntime-node', ['src/engine/session.ts']],
    ['@opentelemetry/sdk-trace-node', ['src/tracing/otlp-tracing.ts']],
    ['src/tracing/otlp-tracing.ts', ['src/tracing/tracing.ts']],
    ['prom-client', ['src/metrics/api-metrics.ts', 'src/metrics/exposition.ts']],
  ])('of %s', (name, importers) => {
    expect(importersOf(name)).toEqual(importers);
  });

  test('of the environment', () => {
    const readers = sources.filter(({ text }) => /process\.env\b|\benv\b[^;]*from 'node:process'/.test(text));
    expect(readers.map(({ path }) => path)).toEqual(['src/config.ts']);
  });

  test('of HTTP server packages: the API', () => {
    const outside = sources.filter(
      ({ path, imports }) =>
        !path.startsWith('src/api/') && imports.some(({ target }) => /^(@?fastify)(\/|$)/.test(target)),
    );
    expect(outside.map(({ path }) => path)).toEqual([]);
  });
});

/** What each part may import besides itself; a folder stands for all in it. The order is from the inside out. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'models/graph/': [],
  'error-codes.ts': [],
  'errors.ts': ['error-codes.ts'],
  'config.ts': ['setting-values.ts'],
  'setting-values.ts': [],
  'trail.ts': [],
  'log.ts': ['config.ts', 'trail.ts'],
  'tracing/': ['config.ts', 'errors.ts', 'trail.ts'],
  'metrics/': [],
  'contracts.ts': ['options.ts', 'request-tags.ts'],
  'request-tags.ts': [],
  'jobs.ts': ['contracts.ts'],
  'face-choice.ts': ['errors.ts'],
  'latent-files/': ['contracts.ts', 'errors.ts'],
  'options.ts': ['models/stylegan/presets.ts'],
  images: ['contracts.ts', 'errors.ts'],
  'models/': ['contracts.ts', 'images'],
  'models/stylegan/': ['models/graph/', 'models/random.ts'],
  'capacity/': ['models/random.ts'],
  'store/': ['config.ts', 'contracts.ts', 'errors.ts', 'metrics/catalogue.ts'],
  'webhooks/': ['store/'],
  'queue.ts': ['errors.ts', 'jobs.ts', 'request-tags.ts', 'store/', 'tracing/tracing.ts', 'trail.ts'],
  'animation/': ['contracts.ts', 'errors.ts'],
  'engine/': ['config.ts', 'contracts.ts', 'errors.ts', 'images', 'models/'],
  'worker/': [
    'config.ts',
    'log.ts',
    'contracts.ts',
    'errors.ts',
    'face-choice.ts',
    'jobs.ts',
    'models/manifest.ts',
    'models/metrics/pace.ts',
    'models/metrics/ppl.ts',
    'models/morph.ts',
    'models/stylegan/early-stop.ts',
    'models/stylegan/presets.ts',
    'models/stylegan/prior.ts',
    'models/stylegan/schedule.ts',
    'models/stylegan/untie.ts',
    'store/',
    'metrics/',
    'tracing/tracing.ts',
    'trail.ts',
    'queue.ts',
    'engine/allocator.ts',
    'engine/protocol.ts',
    'webhooks/',
  ],
  'api/': [
    'log.ts',
    'animation/',
    'config.ts',
    'contracts.ts',
    'errors.ts',
    'face-choice.ts',
    'images',
    'jobs.ts',
    'latent-files/',
    'metrics/',
    'tracing/tracing.ts',
    'trail.ts',
    'models/regions/map.ts',
    'models/stylegan/presets.ts',
    'store/',
    'queue.ts',
    'request-tags.ts',
    'setting-values.ts',
    'webhooks/target.ts',
  ],
  'openapi-types/': [],
  'cli/': [
    'animation/',
    'capacity/',
    'config.ts',
    'contracts.ts',
    'engine/cuda-provider.ts',
    'engine/protocol.ts',
    'errors.ts',
    'images',
    'latent-files/',
    'models/',
    'queue.ts',
    'store/',
    'openapi-types/',
    'worker/embed.ts',
    'worker/engine-client.ts',
    'api/describe.ts',
    'api/describe-errors.ts',
    'api/upload-fields.ts',
  ],
};

describe('imports go inwards only', () => {
  test.each(Object.entries(MAY_IMPORT))('%s', (part, allowed) => {
    const files = within(part);
    expect(files.length).toBeGreaterThan(0);
    const inside = [part, ...allowed].map((folder) => `src/${folder}`);
    const wrong = files.flatMap(({ path, imports }) =>
      imports
        .filter(({ target }) => target.startsWith('src/') && !inside.some((one) => target.startsWith(one)))
        .map(({ target }) => `${path} -> ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test('every file belongs to a part', () => {
    const parts = Object.keys(MAY_IMPORT).map((part) => `src/${part}`);
    const lost = sources.filter(({ path }) => !parts.some((part) => path.startsWith(part)));
    expect(lost.map(({ path }) => path)).toEqual([]);
  });

  test('models know neither Redis nor the network', () => {
    const outward = /^(ioredis|redis|bullmq|node:(http|https|http2|net|tls|dgram)|undici|pino)$/;
    const wrong = within('models/').filter(
      ({ imports, text }) =>
        imports.some(({ target }) => outward.test(target)) || /(?<![.\w])fetch\(/.test(text),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test('the graph knows only itself and node', () => {
    const wrong = within('models/graph/').flatMap(({ path, imports }) =>
      imports
        .filter(({ target }) => !target.startsWith('src/models/graph/') && !target.startsWith('node:'))
        .map(({ target }) => `${path} -> ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test('no two files need each other at run time', () => {
    const graph = new Map(
      sources.map(({ path, imports }) => [
        path,
        imports.filter(({ typeOnly }) => !typeOnly).map(({ target }) => target),
      ]),
    );
    const done = new Set<string>();
    const visit = (path: string, trail: readonly string[]): string[] => {
      if (trail.includes(path)) return [[...trail.slice(trail.indexOf(path)), path].join(' -> ')];
      if (done.has(path)) return [];
      const found = (graph.get(path) ?? []).flatMap((next) => visit(next, [...trail, path]));
      done.add(path);
      return found;
    };
    expect([...graph.keys()].flatMap((path) => visit(path, []))).toEqual([]);
  });
});

describe('files are small and plain', () => {
  test('no file has more than 300 lines', () => {
    const long = sources
      .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > 300);
    expect(long).toEqual([]);
  });

  test('no barrels, no default exports, no silenced compiler', () => {
    const wrong = /^export \*|^export default |@ts-(ignore|nocheck|expect-error)|\bas any\b|: any\b/m;
    expect(sources.filter(({ text }) => wrong.test(text)).map(({ path }) => path)).toEqual([]);
  });
});
