import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { planRedis, redisReady, releaseRedis } from '../../src/cli/embedded-redis.js';
import { ManagedProcess } from '../../src/cli/processes.js';
import { loadConfig, type RedisFsync } from '../../src/config.js';
import { connectRedis, ready } from '../../src/store/redis.js';

const { modelsDir } = loadConfig();

describe('embedded Redis', () => {
  let dir: string;
  const running: ManagedProcess[] = [];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'embedded "redis" '));
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.stop(5000)));
    await rm(dir, { recursive: true });
  });

  const start = async (fsync?: RedisFsync): Promise<{ url: string; server: ManagedProcess }> => {
    const { url, spec } = await planRedis(dir, modelsDir, { fsync });
    const server = new ManagedProcess(spec);
    running.push(server);
    await redisReady(url, 10_000);
    return { url, server };
  };
  const withClient = async <T>(url: string, use: (redis: ReturnType<typeof connectRedis>) => Promise<T>) => {
    const redis = connectRedis(url, () => undefined);
    try {
      await ready(redis, 5000);
      return await use(redis);
    } finally {
      redis.disconnect();
    }
  };

  it('keeps what was written over a stop and a start, never evicts, and listens on this machine only', async () => {
    const first = await start();
    await withClient(first.url, async (redis) => {
      expect(await redis.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
      expect(await redis.config('GET', 'appendonly')).toEqual(['appendonly', 'yes']);
      expect(await redis.config('GET', 'bind')).toEqual(['bind', '127.0.0.1']);
      await redis.set('kept', 'yes');
    });
    await first.server.stop(5000);
    expect(await first.server.exited).toBe('redis ended with code 0');
    await releaseRedis(dir);

    const second = await start();
    expect(await withClient(second.url, (redis) => redis.get('kept'))).toBe('yes');
  });

  it('keeps each write that it answered when it is killed, and makes it last at once where that is asked for', async () => {
    const first = await start('always');
    const written: number[] = [];
    await withClient(first.url, async (redis) => {
      expect(await redis.config('GET', 'appendfsync')).toEqual(['appendfsync', 'always']);
      const killed = new Promise<void>((resolve) => {
        setTimeout(() => {
          first.server.kill();
          resolve();
        }, 300);
      });
      for (let i = 0; ; i++) {
        const isWritten = await redis.set(`key:${i}`, i).then(
          () => true,
          () => false,
        );
        if (!isWritten) break;
        written.push(i);
      }
      await killed;
    });
    await first.server.exited;
    await releaseRedis(dir);
    expect(written.length).toBeGreaterThan(10);

    const second = await start();
    await withClient(second.url, async (redis) => {
      expect(await redis.config('GET', 'appendfsync')).toEqual(['appendfsync', 'everysec']);
      const kept = await redis.mget(written.map((i) => `key:${i}`));
      expect(kept).toEqual(written.map(String));
    });
  });

  it('asks for a password', async () => {
    const { url } = await start();
    const open = new URL(url);
    open.password = '';
    await expect(redisReady(open.href, 500)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('refuses a directory that another live service uses', async () => {
    await start();
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    try {
      await claimAs(other.pid!);
      await expect(planRedis(dir, modelsDir)).rejects.toThrow(
        `in use by another service (process ${other.pid})`,
      );
    } finally {
      other.kill('SIGKILL');
    }
  });

  it('shuts down the server that a killed service left behind, and starts on its data', async () => {
    const first = await start();
    await withClient(first.url, (redis) => redis.set('kept', 'yes'));
    const gone = spawn(process.execPath, ['-e', '']);
    await once(gone, 'exit');
    await claimAs(gone.pid!);

    const second = await start();
    expect(await first.server.exited).toBe('redis ended with code 0');
    expect(await withClient(second.url, (redis) => redis.get('kept'))).toBe('yes');
  });

  it('ignores a claim that nobody can read', async () => {
    await writeFile(join(dir, 'server.json'), '{');
    await start();
  });

  /** As if the running server had been started by another process. */
  async function claimAs(owner: number): Promise<void> {
    const path = join(dir, 'server.json');
    const claim = JSON.parse(await readFile(path, 'utf8')) as { url: string };
    await writeFile(path, JSON.stringify({ ...claim, owner }));
  }
});
