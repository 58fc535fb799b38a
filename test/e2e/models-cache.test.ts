/** The models directory mends itself. Runs on a copy, so that the real one is never touched. */
import { execFile } from 'node:child_process';
import {
  copyFile,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { ensureModels, type ModelProgress, verifyModels } from '../../src/models/convert/models.js';
import { MANIFEST, MODEL_FILES, readManifest } from '../../src/models/manifest.js';
import { packagesDir } from '../../src/models/packages.js';

const { modelsDir } = loadConfig();
const run = promisify(execFile);

let copy: string;
beforeAll(async () => {
  await ensureModels(modelsDir);
  copy = await mkdtemp(join(tmpdir(), 'latentmorph-models-'));
  for (const file of [...MODEL_FILES, MANIFEST]) await copyFile(join(modelsDir, file), join(copy, file));
  await symlink(packagesDir(modelsDir), packagesDir(copy));
});
afterAll(() => rm(copy, { recursive: true }));

describe('the models directory', () => {
  it('is verified fast when it is complete', async () => {
    const start = performance.now();
    const stages: string[] = [];
    await ensureModels(copy, ({ stage }) => stages.push(stage));
    expect(new Set(stages)).toEqual(new Set(['verified']));
    expect(performance.now() - start).toBeLessThan(3000);
  });

  it('makes only partial, changed and missing files again, the same bytes, in two runs at once', async () => {
    const before = await readManifest(copy);
    const untouched = (await stat(join(copy, 'synthesis.onnx'))).mtimeMs;
    await truncate(join(copy, 'mapping.onnx'), 1_000_000);
    const vgg = await readFile(join(copy, 'vgg16.onnx'));
    vgg[vgg.length >> 1]! ^= 1;
    await writeFile(join(copy, 'vgg16.onnx'), vgg);
    await rm(join(copy, 'lpips.onnx'));
    const broken = ['mapping.onnx', 'vgg16.onnx', 'lpips.onnx'];
    expect((await verifyModels(copy)).broken).toEqual(broken);

    const seen: ModelProgress[] = [];
    const [one, two] = await Promise.all([ensureModels(copy, (p) => seen.push(p)), ensureModels(copy)]);
    expect(seen.flatMap((p) => (p.stage === 'convert' ? [p.file] : []))).toEqual(broken);
    expect(one).toEqual(before);
    expect(two).toEqual(before);
    expect((await verifyModels(copy)).broken).toEqual([]);
    expect((await stat(join(copy, 'synthesis.onnx'))).mtimeMs).toBe(untouched);
    expect((await readdir(copy)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('counts as empty under a manifest that is cut off or of another converter', async () => {
    const path = join(copy, MANIFEST);
    const whole = await readFile(path, 'utf8');
    const other = JSON.stringify({ ...JSON.parse(whole), recipe: 'converter 0' });
    for (const text of [whole.slice(0, 1000), '{}', other]) {
      await writeFile(path, text);
      expect((await verifyModels(copy)).broken).toEqual([...MODEL_FILES]);
    }
    await expect(readManifest(join(copy, 'nowhere'))).rejects.toThrow('npm run models');
    await writeFile(path, whole);
  });

  it('is only looked at by `models verify`, which fails where a file is broken', async () => {
    const check = () =>
      run(process.execPath, ['dist/cli/latentmorph.js', 'models', 'verify'], {
        env: { ...process.env, LATENTMORPH_MODELS: copy },
      });
    expect((await check()).stderr).toContain('complete');
    await truncate(join(copy, 'mapping.onnx'), 10);
    await expect(check()).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('broken     mapping.onnx'),
    });
    expect((await stat(join(copy, 'mapping.onnx'))).size).toBe(10);
  });
});
