import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openArchive } from '../../../src/models/archive.js';
import { type PinnedPackage, packageFile } from '../../../src/models/packages.js';

/** A ustar archive; each entry is [name, content, type]. */
function tar(entries: readonly (readonly [string, string, string?])[]): Buffer {
  const blocks = entries.flatMap(([name, content, type = '0']) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(content.length.toString(8).padStart(11, '0'), 124);
    header.write(type, 156);
    header.write('ustar\0', 257);
    return [header, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

/** A zip archive with one deflated file. */
function zip(name: string, content: string, size = content.length): Buffer {
  const packed = deflateRawSync(Buffer.from(content));
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(name.length, 26);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(8, 10);
  entry.writeUInt32LE(packed.length, 20);
  entry.writeUInt32LE(size, 24);
  entry.writeUInt16LE(name.length, 28);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(30 + name.length + packed.length, 16);
  return Buffer.concat([local, Buffer.from(name), packed, entry, Buffer.from(name), end]);
}

describe('openArchive', () => {
  it('reads a wheel', () => {
    const archive = openArchive('a.whl', zip('pkg/data.txt', 'hello'));
    expect(archive.get('pkg/data.txt')?.().toString()).toBe('hello');
  });

  it('reads an sdist, long names included, without its top folder', () => {
    const long = `top-1.0/${'d'.repeat(120)}/x`;
    const record = ` path=${long}\n`;
    const archive = openArchive(
      'a.tar.gz',
      tar([
        ['top-1.0/', '', '5'],
        ['top-1.0/a.txt', 'first'],
        ['pax', `${record.length + 3}${record}`, 'x'],
        ['short', 'second'],
        ['top-1.0/link', '', '2'],
      ]),
    );
    expect([...archive.keys()]).toEqual(['a.txt', `${'d'.repeat(120)}/x`]);
    expect(archive.get('a.txt')?.().toString()).toBe('first');
  });

  it('refuses broken archives and other formats', () => {
    expect(() => openArchive('a.whl', Buffer.from('nothing'))).toThrow('Not a zip archive');
    expect(() => openArchive('a.whl', zip('x', 'hello', 4)).get('x')?.()).toThrow();
    expect(() => openArchive('a.rar', Buffer.alloc(0))).toThrow("received 'a.rar'");
    const whole = tar([['top/a', 'x'.repeat(2000)]]);
    expect(() => openArchive('a.tar.gz', whole.subarray(0, whole.length - 9))).toThrow();
  });
});

describe('packageFile', () => {
  const archive = tar([['tiny-1.0/a.txt', 'content']]);
  const tiny: PinnedPackage = {
    index: 'pypi',
    name: 'latentmorph-no-such-package',
    version: '1.0',
    sha256: createHash('sha256').update(archive).digest('hex'),
    file: 'tiny-1.0.tar.gz',
    bytes: archive.length,
    licence: 'MIT',
    source: 'here',
  };
  const environment = { ...process.env };
  let dir: string;
  let bin: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'latentmorph-packages-'));
    bin = join(dir, 'bin');
    await mkdir(bin);
    process.env.PATH = bin;
  });
  afterEach(async () => {
    process.env = { ...environment };
    await rm(dir, { recursive: true });
  });

  const cache = () => join(dir, 'cache');
  const python = async (says: string) => {
    const path = join(bin, 'python3');
    await writeFile(path, `#!/bin/sh\necho "${says}" >&2\nexit 1\n`);
    await chmod(path, 0o755);
  };

  it('takes an archive supplied by hand and downloads nothing', async () => {
    await mkdir(cache());
    await writeFile(join(cache(), tiny.file), archive);
    expect((await packageFile(tiny, 'a.txt', cache())).toString()).toBe('content');
    await expect(packageFile(tiny, 'b.txt', cache())).rejects.toThrow("no file 'b.txt'");
  });

  it('removes an archive with another hash and says what was expected', async () => {
    await mkdir(cache());
    await writeFile(join(cache(), tiny.file), 'something else');
    const attempt = packageFile(tiny, 'a.txt', cache());
    const received = createHash('sha256').update('something else').digest('hex');
    await expect(attempt).rejects.toThrow(`had sha256 ${received}, expected ${tiny.sha256}, and was removed`);
    expect(await readdir(cache())).toEqual([]);
  });

  it('names python3 when it is missing, and how to go on without it', async () => {
    const attempt = packageFile(tiny, 'a.txt', cache());
    await expect(attempt).rejects.toThrow('python3 was not found');
    await expect(attempt).rejects.toThrow(
      `put ${tiny.file} (from PyPI, sha256 ${tiny.sha256}) at ${join(cache(), tiny.file)}`,
    );
  });

  it('names pip when python3 has none', async () => {
    await python('/usr/bin/python3: No module named pip');
    await expect(packageFile(tiny, 'a.txt', cache())).rejects.toThrow('python3 has no pip');
  });

  it('tells an index that offers another file from one that is out of reach', async () => {
    await python(`ERROR: THESE PACKAGES DO NOT MATCH THE HASHES. Expected sha256 x Got ${'ab'.repeat(32)}`);
    await expect(packageFile(tiny, 'a.txt', cache())).rejects.toThrow(
      `sha256 ${'ab'.repeat(32)}, which is not the pinned one`,
    );
  });

  it('names the network when the index cannot be reached', async () => {
    process.env.PATH = environment.PATH;
    process.env.PIP_CONFIG_FILE = '/dev/null';
    // Port 9 (discard) of this machine: nobody listens.
    process.env.PIP_INDEX_URL = 'http://127.0.0.1:9/simple';
    await expect(packageFile(tiny, 'a.txt', cache())).rejects.toThrow('cannot be reached');
    expect(await readdir(cache())).toEqual([]);
  });
});
