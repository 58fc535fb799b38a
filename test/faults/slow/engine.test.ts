/** Engines that run out of memory, crash, or cannot start, because of their device or of their model files. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config.js';
import { LONG } from '../../support/fleet/fleet-client.js';
import { leftovers } from '../../support/fleet/leftovers.js';
import { useFleet } from '../../support/fleet/room.js';

const run = promisify(execFile);
/** Apart, so that each worker has one engine. */
const room = useFleet({ workers: [['embed'], ['render', 'upkeep']] });

const embedWorker = () => room.fleet.workers[0]!;
const engineOf = async (): Promise<number> => {
  await expect.poll(() => embedWorker().children(), { timeout: 30_000 }).toHaveLength(1);
  return (await embedWorker().children())[0]!;
};
const attemptsOf = async (id: string) =>
  Number(await room.redis.hget(`latentmorph:embedding:${id}`, 'attempt'));
const succeeds = async (id: string): Promise<void> => {
  expect(await room.client.ended(id, 180_000)).toMatchObject({ state: 'succeeded' });
  await expect.poll(() => room.heard(id)).toEqual(['embedding.succeeded']);
  await expect.poll(() => leftovers(room.fleet, room.redis)).toEqual([]);
};
const readiness = async () => {
  const answer = await room.client.get('/readyz');
  return { status: answer.status, ...((await answer.json()) as { missing: string[] }) };
};

test('the engine has a segmentation fault in the middle of a job: it is started again, and the job is done', async () => {
  const id = await room.client.accepted({ steps: LONG });
  await room.client.underWay(id);
  const crashed = await engineOf();
  process.kill(crashed, 'SIGSEGV');
  await succeeds(id);
  expect(await attemptsOf(id)).toBe(2);
  expect(await engineOf()).not.toBe(crashed);
  expect(await embedWorker().said()).toContain('SIGSEGV');
});

test('the engine gets no more memory: that attempt fails, and the job and the next one are done', async () => {
  const id = await room.client.accepted({ steps: LONG });
  await room.client.underWay(id);
  const pid = await engineOf();
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kib = Number(/^VmSize:\s+(\d+) kB$/m.exec(status)![1]);
  // What it has it may keep; what the end of the job asks for beyond that fails.
  await run('prlimit', ['--pid', String(pid), `--as=${kib * 1024}`]);
  const seen = await room.client.until(
    id,
    ({ state }) => state === 'failed' || state === 'succeeded',
    180_000,
  );
  const attempts = await attemptsOf(id);
  console.log(`without memory: ${seen.state} after ${attempts} attempts`);
  expect(attempts).toBe(2);
  expect(seen).toMatchObject({ state: 'succeeded' });
  await succeeds(await room.client.accepted());
});

describe('a worker that cannot start', () => {
  afterEach(async () => {
    await embedWorker().kill();
    await embedWorker().start();
    await room.fleet.ready();
    await succeeds(await room.client.accepted());
  });

  test('the library of the device that was asked for is missing: it ends and says what, and readiness names the role', async () => {
    await embedWorker().stop();
    await embedWorker().start({ LATENTMORPH_DEVICE: 'cuda' });
    expect(await embedWorker().ended()).toBe(1);
    expect(await embedWorker().said()).toContain("Device 'cuda' was asked for, but");
    expect(await readiness()).toMatchObject({ status: 503, ready: false, missing: ['embed'] });
  });

  test.each([
    ['cut short', (path: string) => truncate(path, 1_000_000)],
    ['changed', flipped],
  ])('a model file was %s: it ends and names the file, and readiness names the role', async (how, harm) => {
    const models = await copyOfModels(join(room.fleet.dataDir, `models-${how}`), 'measure.onnx');
    await harm(join(models, 'measure.onnx'));
    await embedWorker().stop();
    await embedWorker().start({ LATENTMORPH_MODELS: models });
    expect(await embedWorker().ended()).toBe(1);
    expect(await embedWorker().said()).toContain(`measure.onnx in ${models} has not the sha256`);
    expect(await readiness()).toMatchObject({ status: 503, ready: false, missing: ['embed'] });
  });

  test('a model file is changed while the worker runs: its next engine refuses it, and jobs fail until it is mended', async () => {
    const models = await copyOfModels(join(room.fleet.dataDir, 'models-later'), 'measure.onnx');
    await embedWorker().stop();
    await embedWorker().start({ LATENTMORPH_MODELS: models });
    await room.fleet.ready();
    await flipped(join(models, 'measure.onnx'));
    process.kill(await engineOf(), 'SIGKILL');
    await expect.poll(() => embedWorker().children()).toEqual([]);
    const id = await room.client.accepted();
    expect(await room.client.ended(id)).toMatchObject({ state: 'failed', error: { code: 'ENGINE_FAILED' } });
  });
});

/** Links to all models but one, which is a copy. */
async function copyOfModels(target: string, copied: string): Promise<string> {
  const { modelsDir } = loadConfig();
  await mkdir(target);
  for (const name of await readdir(modelsDir))
    if (name !== copied) await symlink(join(modelsDir, name), join(target, name));
  await copyFile(join(modelsDir, copied), join(target, copied));
  return target;
}

/** One bit of the middle is another. */
async function flipped(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length >> 1]! ^= 1;
  await writeFile(path, bytes);
}
