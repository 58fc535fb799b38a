/** Gives a test file a real Redis of its own: a container where a Docker engine answers, else a spawned server. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

export interface TestRedis {
  url: string;
  stop(): Promise<void>;
}

export async function startRedis(): Promise<TestRedis> {
  if (answers('docker', 'info')) return startContainer();
  if (answers('redis-server', '--version')) return startServer(await freePort());
  throw new Error(
    'These tests need a real Redis: start Docker, or put redis-server (6.2 or later) on the PATH.',
  );
}

const answers = (command: string, argument: string): boolean =>
  spawnSync(command, [argument], { stdio: 'ignore', timeout: 5_000 }).status === 0;

async function startContainer(): Promise<TestRedis> {
  const { GenericContainer } = await import('testcontainers');
  const container = await new GenericContainer('redis:7-alpine').withExposedPorts(6379).start();
  const url = `redis://${container.getHost()}:${container.getMappedPort(6379)}`;
  return { url, stop: async () => void (await container.stop()) };
}

async function startServer(port: number): Promise<TestRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'latentmorph-redis-'));
  const options = {
    port,
    bind: '127.0.0.1',
    dir,
    save: '',
    appendonly: 'no',
    'maxmemory-policy': 'noeviction',
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const server = spawn('redis-server', args, { stdio: 'ignore' });
  const exited = once(server, 'exit');
  const url = `redis://127.0.0.1:${port}`;
  const stop = async () => {
    if (server.exitCode === null && server.kill('SIGKILL')) await exited;
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await ping(url);
    return { url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ping(url: string): Promise<void> {
  const redis = new Redis(url, {
    retryStrategy: (times) => (times < 100 ? 50 : null),
    maxRetriesPerRequest: null,
  });
  redis.on('error', () => {});
  await redis.ping();
  redis.disconnect();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('The system gave no port');
  return address.port;
}
