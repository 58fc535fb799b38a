/** Port, data directory, device and memory. */
import { randomBytes } from 'node:crypto';
import { mkdir, rmdir, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { cudaRefusal } from '../../engine/cuda-provider.js';
import { openBlobs } from '../../store/open-blobs.js';
import { type Finding, failed, ok, type Surroundings, warning } from './finding.js';

/** Bytes below which the disk is soon full: some hundred embeddings with their images. */
const LITTLE_SPACE = 2 ** 30;
/** Bytes that an embed and a render engine take together, with the API and Redis. */
const NEEDED_MEMORY = 4 * 2 ** 30;

const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

export async function checkPort({ config: { host, port } }: Surroundings): Promise<Finding> {
  const where = `${host}:${port}`;
  const refused = await refusal(host, port);
  if (!refused) return ok('Port', `${where} is free`);
  const name = host.includes(':') ? `[${host}]` : host;
  const description = await fetch(`http://${name}:${port}/openapi.yaml`, {
    signal: AbortSignal.timeout(2_000),
  })
    .then((response) => response.text())
    .catch(() => '');
  if (/title: latentmorph/.test(description)) return ok('Port', `the service answers at ${where}`);
  return refused === 'EADDRINUSE'
    ? failed(
        'Port',
        `${where} is taken by another program`,
        'Choose a free one: PORT=3001 npx latentmorph serve',
      )
    : failed('Port', `nothing can listen at ${where} (${refused})`, 'Correct HOST and PORT.');
}

/** The code of the error of listening; undefined where one can. */
function refusal(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', ({ code, message }: NodeJS.ErrnoException) => resolve(code ?? message));
    probe.listen(port, host, () => probe.close(() => resolve(undefined)));
  });
}

export async function checkData({ config: { dataDir } }: Surroundings): Promise<Finding> {
  const place = await nearestFolder(dataDir);
  const probe = join(place, `.doctor-${randomBytes(4).toString('hex')}`);
  try {
    await mkdir(probe);
    await rmdir(probe);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return failed(
      'Data',
      `${dataDir} cannot be written to (${code})`,
      'Set LATENTMORPH_DATA to a directory that this user may write to.',
    );
  }
  const { bavail, bsize } = await statfs(place);
  const free = bavail * bsize;
  return free < LITTLE_SPACE
    ? warning(
        'Data',
        `${dataDir} has only ${gibibytes(free)} left`,
        'Make room, or set LATENTMORPH_DATA to another disk.',
      )
    : ok('Data', `${dataDir}, ${gibibytes(free)} free`);
}

/** The path itself, or what of it exists. */
async function nearestFolder(path: string): Promise<string> {
  for (let place = path; ; place = dirname(place)) if (await stat(place).catch(() => undefined)) return place;
}

/** Only where a bucket is configured; the data directory has its own check. */
export async function checkBucket({ config }: Surroundings): Promise<Finding | undefined> {
  if (config.blobs.kind === 'files') return undefined;
  try {
    await openBlobs(config);
    return ok('Bucket', config.blobs.bucket);
  } catch (error) {
    return failed('Bucket', `${config.blobs.bucket} cannot be used`, (error as Error).message);
  }
}

export async function checkDevice({ config: { device } }: Surroundings): Promise<Finding> {
  if (device === 'cpu') return ok('Device', 'cpu, as configured');
  const refused = await cudaRefusal();
  if (!refused) return ok('Device', 'cuda');
  if (device === 'cuda')
    return failed(
      'Device',
      `cuda cannot be had: ${refused.reason}`,
      'Use the image of Dockerfile.gpu, or set LATENTMORPH_DEVICE=cpu.',
    );
  return refused.installed
    ? warning(
        'Device',
        `cpu, since ${refused.reason}`,
        'Put CUDA, cuDNN and the driver on the library path, or set LATENTMORPH_DEVICE=cpu.',
      )
    : ok('Device', 'cpu (no CUDA provider is installed)');
}

export function checkMemory(bytes = totalmem()): Finding {
  return bytes < NEEDED_MEMORY
    ? warning(
        'Memory',
        `${gibibytes(bytes)}, but the service may take ${gibibytes(NEEDED_MEMORY)}`,
        'Run embed and render workers on machines of their own (LATENTMORPH_ROLES).',
      )
    : ok('Memory', gibibytes(bytes));
}
