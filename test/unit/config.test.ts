import { isAbsolute } from 'node:path';
import { expect, test } from 'vitest';
import { childEnvironment, loadConfig } from '../../src/config.js';

test('has a default for everything, with absolute paths, and cannot be changed', () => {
  const config = loadConfig({});
  expect(config).toMatchObject({
    host: '127.0.0.1',
    port: 3000,
    redisUrl: undefined,
    device: 'auto',
    batch: 'auto',
    logLevel: 'info',
  });
  expect(config.roles).toEqual(['embed', 'render', 'upkeep']);
  expect(config.threads).toBeGreaterThan(0);
  expect([config.dataDir, config.modelsDir].map((path) => isAbsolute(path))).toEqual([true, true]);
  expect(Object.isFrozen(config)).toBe(true);
});

test('reads every variable', () => {
  const config = loadConfig({
    HOST: '::',
    PORT: '0',
    REDIS_URL: 'rediss://user:secret@redis.example:6380/2',
    LATENTMORPH_DATA: '/srv/data',
    LATENTMORPH_MODELS: '/srv/models',
    LATENTMORPH_DEVICE: 'cuda',
    LATENTMORPH_THREADS: '3',
    LATENTMORPH_BATCH: '4',
    LATENTMORPH_ROLES: 'render, render',
    LOG_LEVEL: 'debug',
  });
  expect(config).toMatchObject({
    host: '::',
    port: 0,
    redisUrl: 'rediss://user:secret@redis.example:6380/2',
    dataDir: '/srv/data',
    modelsDir: '/srv/models',
    device: 'cuda',
    threads: 3,
    batch: 4,
    roles: ['render'],
    logLevel: 'debug',
  });
});

test('takes an empty variable as unset', () => {
  expect(loadConfig({ PORT: '', REDIS_URL: ' ', LATENTMORPH_ROLES: '' })).toEqual(loadConfig({}));
});

test.each([
  ['HOST', 'a b'],
  ['PORT', '65536'],
  ['PORT', '3e3'],
  ['PORT', '-1'],
  ['LATENTMORPH_DEVICE', 'gpu'],
  ['LATENTMORPH_THREADS', '0'],
  ['LATENTMORPH_THREADS', '1.5'],
  ['LATENTMORPH_BATCH', '3'],
  ['LATENTMORPH_BLOBS', 's3://'],
  ['LATENTMORPH_BLOBS', 's3://Faces'],
  ['LATENTMORPH_BLOBS', 's3://faces/../x'],
  ['LATENTMORPH_BLOBS', '/srv/blobs'],
  ['LATENTMORPH_S3_ENDPOINT', 'minio:9000'],
  ['LATENTMORPH_S3_ENDPOINT', 'http://minio:9000/faces'],
  ['LATENTMORPH_ROLES', 'embed,paint'],
  ['LOG_LEVEL', 'loud'],
])('refuses %s=%s with a message that names both', (name, value) => {
  expect(() => loadConfig({ [name]: value })).toThrow(
    new RegExp(`${name}: expected .* but received '${value}'`),
  );
});

test('keeps blobs below the data directory, or in the bucket that is named', () => {
  expect(loadConfig({}).blobs).toEqual({ kind: 'files' });
  const env = { LATENTMORPH_BLOBS: 's3://my.faces', AWS_REGION: 'eu-central-1' };
  const amazon = { kind: 's3', bucket: 'my.faces', prefix: '', endpoint: undefined, region: 'eu-central-1' };
  expect(loadConfig(env).blobs).toEqual(amazon);
  const own = { LATENTMORPH_BLOBS: 's3://faces/a/b-c/', LATENTMORPH_S3_ENDPOINT: 'http://minio:9000/' };
  expect(loadConfig(own).blobs).toEqual({
    kind: 's3',
    bucket: 'faces',
    prefix: 'a/b-c/',
    endpoint: 'http://minio:9000',
    region: 'us-east-1',
  });
  expect(() => loadConfig({ LATENTMORPH_BLOBS: 's3://faces' })).toThrow(/AWS_REGION: expected the region/);
  expect(loadConfig(childEnvironment(loadConfig(own), env))).toEqual(loadConfig(own));
  expect(childEnvironment(loadConfig({}), own).LATENTMORPH_BLOBS).toBeUndefined();
});

test.each(['0', '31'])('refuses a retention of %s days where at most 30 are allowed', (days) => {
  const env = { LATENTMORPH_RETENTION_DAYS: days, LATENTMORPH_RETENTION_MAX_DAYS: '30' };
  expect(() => loadConfig(env)).toThrow(/LATENTMORPH_RETENTION_DAYS: expected 1 to 30, .* but received '/);
  expect(loadConfig({ ...env, LATENTMORPH_RETENTION_DAYS: '30' }).maxRetentionSeconds).toBe(30 * 86_400);
});

test('names every wrong variable at once, and never repeats a password', () => {
  const load = () => loadConfig({ PORT: 'x', LOG_LEVEL: 'x', REDIS_URL: 'http://user:secret@redis' });
  expect(load).toThrow(/PORT: .*REDIS_URL: expected a redis:\/\/.*LOG_LEVEL: /s);
  expect(load).not.toThrow(/secret/);
});

test('takes a given default only where a variable is not set', () => {
  expect(loadConfig({ LOG_LEVEL: '' }, { LOG_LEVEL: 'warn' }).logLevel).toBe('warn');
  expect(loadConfig({ LOG_LEVEL: 'debug' }, { LOG_LEVEL: 'warn' }).logLevel).toBe('debug');
});

test('a child process reads the same configuration, and everything else that was set', () => {
  const config = loadConfig({ PORT: '0', REDIS_URL: 'redis://cache:6379', LATENTMORPH_ROLES: 'render' });
  const env = childEnvironment(config, { PATH: '/bin', PORT: '9' });
  expect(env.PATH).toBe('/bin');
  expect(loadConfig(env)).toEqual(config);
});
