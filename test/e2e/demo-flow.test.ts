import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sniffPhoto } from '../../src/images.js';
import { Command } from '../support/service-process.js';

describe('npm run demo', () => {
  let out: string;
  let demo: Command | undefined;
  beforeEach(async () => {
    out = await mkdtemp(join(tmpdir(), 'latentmorph-out-'));
  });
  afterEach(async () => {
    await demo?.clear();
    await rm(out, { recursive: true, force: true });
  });

  it('embeds two portraits, writes their morphs and a contact sheet, and leaves no process', async () => {
    demo = new Command('demo', ['--steps', '4', '--out', out]);
    expect([await demo.exited, demo.output]).toEqual([0, expect.stringContaining('Pictures: ')]);
    expect(await demo.processes()).toEqual([]);

    expect(demo.output).toMatch(/obama {2}step 4\/4 {2}loss \d+\.\d {2}0 s left/);
    expect(demo.output).toMatch(/collins: LPIPS 0\.\d{3} in \d+ s/);
    expect(demo.output).toContain('curl -F image=@');
    const files = await readdir(out);
    for (const kind of ['original.jpg', 'aligned.png', 'reconstruction.png']) {
      expect(files).toContain(`obama-${kind}`);
      expect(files).toContain(`collins-${kind}`);
    }
    for (const mode of ['linear', 'style', 'attribute']) expect(files).toContain(`morph-${mode}-0.7.jpg`);
    expect((await sniffPhoto(await readFile(join(out, 'demo.png')))).format).toBe('png');
  });

  it('stops everything when interrupted', async () => {
    demo = new Command('demo', ['--steps', '500', '--out', out]);
    await demo.says(/step \d+\/500/);
    demo.signal('SIGINT');
    expect(await demo.exited).toBe(1);
    expect(demo.output).toContain('Interrupted.');
    expect(await demo.processes()).toEqual([]);
  });

  it('explains its options', async () => {
    demo = new Command('demo', ['--steps', 'many']);
    expect(await demo.exited).toBe(2);
    expect(demo.output).toContain("Expected a number of steps but received 'many'\nUsage: npm run demo");
  });
});
