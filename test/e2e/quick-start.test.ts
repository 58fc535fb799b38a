/** The quick start of the README, word for word, with the real service and models. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../src/cli/embedded-redis.js';
import { sniffPhoto } from '../../src/images.js';
import { portrait } from '../support/portraits.js';
import { Command } from '../support/service-process.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const ADDRESS = 'http://127.0.0.1:3000';
const run = promisify(execFile);

let dir: string;
let url: string;
let service: Command;
let section: string;

beforeAll(async () => {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  section = readme.slice(readme.indexOf('## Quick start'), readme.indexOf('## How it works'));
  dir = await mkdtemp(join(tmpdir(), 'latentmorph-quick-start-'));
  await writeFile(join(dir, 'a.jpg'), await portrait('obama'));
  await writeFile(join(dir, 'b.jpg'), await portrait('biden'));
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  service = new Command('latentmorph', ['serve'], {
    PORT: String(port),
    LATENTMORPH_DATA: join(dir, 'data'),
  });
  await service.says(/ready after/);
});
afterAll(async () => {
  await service?.clear();
  await rm(dir, { recursive: true, force: true });
});

/** The block of code in this language, for the service of this test instead of the usual one, and with fewer steps. */
function block(language: string): string {
  const code = fence(language);
  const quick = code.replaceAll('preset=draft', 'steps=2').replace("preset: 'draft'", 'steps: 2');
  expect(quick).toContain('steps');
  return quick.replaceAll(ADDRESS, url);
}

function fence(language: string): string {
  const code = new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(section)?.[1];
  if (!code?.includes(ADDRESS)) throw new Error(`The quick start has no ${language} that asks ${ADDRESS}.`);
  return code;
}

async function takeMorph(): Promise<object> {
  const path = join(dir, 'morph.jpg');
  const photo = await sniffPhoto(await readFile(path));
  await rm(path);
  return photo;
}

test('the guide explains the very commands', async () => {
  const guide = await readFile(join(ROOT, 'docs/guides/quick-start.md'), 'utf8');
  for (const language of ['sh', 'js']) expect(guide).toContain(fence(language));
});

test('four commands lead to a morph', async () => {
  const [start, ...others] = block('sh').trim().split('\n');
  expect(start).toBe('npm start');
  expect(others).toHaveLength(3);
  await run('bash', ['-euo', 'pipefail', '-c', others.join('\n')], { cwd: dir });
  expect(JSON.parse(await readFile(join(dir, 'a.json'), 'utf8')).state).toBe('succeeded');
  expect(await takeMorph()).toMatchObject({ format: 'jpeg', width: 1024, height: 1024 });
});

test('and so do ten lines with the client', async () => {
  const code = block('js');
  expect(code.split('\n').filter((line) => line.trim() !== '')).toHaveLength(9);
  await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'clients/typescript'], { cwd: ROOT });
  await mkdir(join(dir, 'node_modules'));
  await symlink(join(ROOT, 'clients/typescript'), join(dir, 'node_modules', 'latentmorph-client'));
  await writeFile(join(dir, 'quick-start.mjs'), code);
  const { stdout } = await run(process.execPath, ['quick-start.mjs'], { cwd: dir });
  expect(stdout).toMatch(/a\.jpg 100 %/);
  expect(await takeMorph()).toMatchObject({ format: 'jpeg', width: 1024, height: 1024 });
});

test('the example app runs in front of the service', async () => {
  await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.examples.json'], {
    cwd: ROOT,
  });
  const example = spawn(process.execPath, ['dist-examples/examples/photo-app/server.js'], {
    cwd: ROOT,
    env: { ...process.env, LATENTMORPH_URL: url, EXAMPLE_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = await once(example.stdout.setEncoding('utf8'), 'data');
    const page = /http:\/\/\S+/.exec(line)![0];
    expect(await (await fetch(page)).text()).toContain('<input type="file"');
    const portraits = (await (await fetch(`${page}/portraits`)).json()) as { name: string; url: string }[];
    expect(portraits.map(({ name }) => name)).toEqual(['obama', 'biden']);
    expect((await fetch(portraits[0]!.url)).headers.get('content-type')).toBe('image/jpeg');
  } finally {
    example.kill();
  }
});
