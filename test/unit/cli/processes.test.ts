import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { ManagedProcess, type ProcessSpec, Supervised } from '../../../src/cli/processes.js';

const node = (script: string): ProcessSpec => ({
  name: 'part',
  command: process.execPath,
  args: ['-e', script],
});
const forever = 'setInterval(() => {}, 1000)';

/** Live processes of a group; a zombie that nobody reaps no longer counts. */
const inGroup = (group: number): string[] =>
  spawnSync('ps', ['-eo', 'pgid=,stat=,pid='], { encoding: 'utf8' })
    .stdout.split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([pgid, stat]) => pgid === String(group) && !stat?.startsWith('Z'))
    .map(([, , pid]) => pid!);

describe('ManagedProcess', () => {
  const started: ManagedProcess[] = [];
  const start = (spec: ProcessSpec): ManagedProcess => {
    const made = new ManagedProcess(spec);
    started.push(made);
    return made;
  };
  afterEach(() => {
    for (const one of started.splice(0)) one.kill();
  });

  it('lets a process end politely', async () => {
    const ready = join(await mkdtemp(join(tmpdir(), 'part-')), 'ready');
    const tell = `require('fs').writeFileSync(${JSON.stringify(ready)}, '')`;
    const part = start(node(`process.on('SIGTERM', () => process.exit(0)); ${tell}; ${forever}`));
    await expect.poll(() => existsSync(ready)).toBe(true);
    await part.stop(5000);
    expect(await part.exited).toBe('part ended with code 0');
  });

  it('kills a process that does not listen, and what it has started', async () => {
    const child = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(forever)}])`;
    const part = start(node(`process.on('SIGTERM', () => {}); ${child}; ${forever}`));
    await expect.poll(() => inGroup(part.pid!)).toHaveLength(2);
    await part.stop(200);
    expect(await part.exited).toBe('part was ended by SIGKILL');
    await expect.poll(() => inGroup(part.pid!)).toEqual([]);
  });

  it('says so when the program does not exist', async () => {
    const part = start({ name: 'part', command: '/nowhere/program', args: [] });
    expect(await part.exited).toContain('part cannot run');
    await part.stop(100);
  });

  it('feeds text to its standard input', async () => {
    const part = start({ ...node(`process.stdin.once('data', (d) => process.exit(Number(d)))`), input: '7' });
    expect(await part.exited).toBe('part ended with code 7');
  });
});

describe('Supervised', () => {
  it('restarts a process that ends by itself until it ends too often', async () => {
    const restarts: string[] = [];
    const part = new Supervised(
      node('process.exit(3)'),
      (ends) => ends <= 2,
      (reason) => restarts.push(reason),
    );
    expect(await part.gaveUp).toBe('part ended with code 3');
    expect(restarts).toEqual(['part ended with code 3', 'part ended with code 3']);
  });

  it('does not restart a process that was stopped', async () => {
    const restarts: string[] = [];
    const part = new Supervised(
      node(forever),
      () => true,
      (reason) => restarts.push(reason),
    );
    await sleep(100);
    await part.stop(2000);
    await sleep(400);
    expect(restarts).toEqual([]);
    expect(inGroup(part.pid!)).toEqual([]);
  });
});
