/** pip, which fetches what comes from PyPI. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const COMMON = ['--disable-pip-version-check', '--no-input', '--quiet', '--retries=2'];

/** Runs pip. Throws an error that says in a sentence what stopped it. */
export async function pip(args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)('python3', ['-m', 'pip', ...COMMON, ...args], { maxBuffer: 16 * 1024 * 1024 });
  } catch (cause) {
    throw new Error(explain(cause as Error & { code?: unknown; stderr?: string }), { cause });
  }
}

/** What stopped pip, most telling first: without a network pip also says that no distribution matches. */
function explain(error: Error & { code?: unknown; stderr?: string }): string {
  const said = error.stderr ?? '';
  if (error.code === 'ENOENT') return 'python3 was not found. Install Python 3 with pip.';
  if (/No module named '?pip/.test(said))
    return 'python3 has no pip. Install it (Debian: apt-get install python3-pip).';
  if (/DO NOT MATCH THE HASHES/.test(said)) {
    const received = /Got\s+([0-9a-f]{64})/.exec(said)?.[1] ?? 'another';
    return `the index offers a file with sha256 ${received}, which is not the pinned one.`;
  }
  if (
    /NewConnectionError|Max retries|name resolution|Network is unreachable|ConnectTimeout|ProxyError|SSLError/i.test(
      said,
    )
  ) {
    return 'the package index cannot be reached (no network, or a proxy that pip does not know).';
  }
  if (/No matching distribution|Could not find a version/.test(said))
    return 'the package index does not have this version.';
  return `pip failed: ${said.trim().split('\n').slice(-3).join(' ') || error.message}`;
}
