/** `npm run fuzz:api`: Schemathesis over the whole OpenAPI document, all phases, against the real service with keys. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import sharp from 'sharp';
import { freePort } from '../src/cli/embedded-redis.js';
import type * as ServiceModule from '../src/cli/service.js';
import { type Config, loadConfig } from '../src/config.js';
import { integerOption } from './arguments.js';
import { command } from './command.js';
import { listedFaces, photoBytes } from './photos.js';
import { MODELS_DIR, models, ROOT, say } from './workspace.js';

const USAGE = `Usage: npm run fuzz:api [-- OPTIONS]

  --cases N     fails when fewer cases were run (default 10000)
  --examples N  most cases of an operation in each phase (default 400)
  --seed N      seed of the cases (default 1)
  --only ID     one operation, by its operationId
  --phases LIST some of examples,coverage,fuzzing,stateful (default all)`;

const SCHEMATHESIS = 'schemathesis==4.32.5';
const VENV = join(ROOT, '.cache/schemathesis');

interface Options {
  cases: number;
  examples: number;
  seed: number;
  only: string | undefined;
  phases: string;
}

async function main(options: Options): Promise<void> {
  await models();
  const program = await schemathesis();
  const dir = await mkdtemp(join(tmpdir(), 'fuzz-api-'));
  const config: Config = {
    ...loadConfig({ ...process.env, LATENTMORPH_MODELS: MODELS_DIR }),
    host: '127.0.0.1',
    port: await freePort(),
    dataDir: join(dir, 'data'),
    batch: 1,
    logLevel: 'error',
  };
  const photo = join(dir, 'photo.jpg');
  await writeFile(photo, await smallPhoto());
  try {
    await withService(config, async (url) => {
      const key = await newKey(config);
      const known = await embedSome({ url, key, photo });
      const env = {
        ...process.env,
        SCHEMATHESIS_HOOKS: 'hooks',
        PYTHONPATH: join(ROOT, 'bench/schemathesis'),
        FUZZ_KNOWN: JSON.stringify(known),
        FUZZ_URL: url,
        FUZZ_KEY: key,
        FUZZ_PHOTO: photo,
      };
      await judge(program, { options, url, env, report: join(dir, 'report.json') });
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** The program, in a virtual environment made on first use. */
async function schemathesis(): Promise<string> {
  const program = join(VENV, 'bin/schemathesis');
  if (spawnSync(program, ['--version']).stdout?.includes(SCHEMATHESIS.split('==')[1]!)) return program;
  say(`Installing ${SCHEMATHESIS} in ${VENV}, once ...`);
  await run('python3', ['-m', 'venv', VENV]);
  await run(join(VENV, 'bin/python'), ['-m', 'pip', 'install', '--disable-pip-version-check', SCHEMATHESIS]);
  return program;
}

async function smallPhoto(): Promise<Buffer> {
  const [first] = await listedFaces('tuning');
  return sharp(await photoBytes(first!))
    .resize({ width: 640 })
    .jpeg()
    .toBuffer();
}

/** Ids of three embeddings of one step each. */
async function embedSome({
  url,
  key,
  photo,
}: {
  url: string;
  key: string;
  photo: string;
}): Promise<string[]> {
  const headers = { authorization: `Bearer ${key}`, prefer: 'wait=60' };
  const ids: string[] = [];
  for (let seed = 0; seed < 3; seed++) {
    const body = new FormData();
    body.set('image', new Blob([await readFile(photo)]), 'photo.jpg');
    for (const [name, value] of Object.entries({ preset: 'draft', steps: 1, seed }))
      body.set(name, `${value}`);
    const response = await fetch(`${url}/embeddings`, { method: 'POST', headers, body });
    const { id, state } = (await response.json()) as { id: string; state: string };
    if (state !== 'succeeded') throw new Error(`An embedding answered ${response.status}, state ${state}`);
    ids.push(id);
  }
  return ids;
}

async function withService<T>(config: Config, work: (url: string) => Promise<T>): Promise<T> {
  process.env.LATENTMORPH_AUTH = 'keys';
  // What is tested is the build that users run.
  const { Service } = (await import(join(ROOT, 'dist/cli/service.js'))) as typeof ServiceModule;
  const service = new Service(config, say);
  try {
    await service.start();
    return await work(service.url);
  } finally {
    await service.stop();
  }
}

/** A key as an operator makes one. */
async function newKey({ dataDir }: Config): Promise<string> {
  const args = [
    'dist/cli/keys.js',
    'create',
    '--tenant',
    'default',
    '--name',
    'fuzz',
    '--admin',
    '--rate',
    '0',
  ];
  const env = { ...process.env, LATENTMORPH_DATA: dataDir };
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env });
  const token = /lm_\S+/.exec(stdout)?.[0];
  if (!token) throw new Error(`No key in '${stdout}'`);
  return token;
}

interface Run {
  options: Options;
  url: string;
  env: NodeJS.ProcessEnv;
  report: string;
}

/** Runs the cases; throws when one fails or too few were run. */
async function judge(program: string, { options, url, env, report }: Run): Promise<void> {
  const { examples, seed, only, phases, cases } = options;
  const args = [
    ...[
      '--config-file',
      join(ROOT, 'bench/schemathesis/schemathesis.toml'),
      'run',
      join(ROOT, 'openapi.yaml'),
    ],
    ...['--url', url, '--phases', phases, '--seed', `${seed}`],
    ...['--max-examples', `${examples}`, '--continue-on-failure', '--request-timeout', '60'],
    ...['--report', 'json', '--report-json-path', report],
    ...(only === undefined ? [] : ['--include-operation-id', only]),
  ];
  const [code] = (await once(
    spawn(program, args, { env, cwd: dirname(report), stdio: 'inherit' }),
    'close',
  )) as [number | null];
  if (code !== 0) throw new Error('Schemathesis found failures');
  const { test_cases: found } = JSON.parse(await readFile(report, 'utf8')) as {
    test_cases: { generated: number };
  };
  if (found.generated < cases)
    throw new Error(`Expected at least ${cases} cases but ${found.generated} were run`);
}

async function run(name: string, args: readonly string[]): Promise<void> {
  const child = spawn(name, args, { stdio: ['ignore', 2, 2] });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`'${[name, ...args].join(' ')}' failed`);
}

function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      cases: { type: 'string', default: '10000' },
      examples: { type: 'string', default: '400' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      phases: { type: 'string', default: 'examples,coverage,fuzzing,stateful' },
    },
  });
  return {
    cases: integerOption('cases', values.cases),
    examples: integerOption('examples', values.examples),
    seed: integerOption('seed', values.seed),
    only: values.only,
    phases: values.phases,
  };
}

await command(USAGE, optionsOf, main);
