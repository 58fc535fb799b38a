/** Node and the packages beside this one. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Finding, failed, ok } from './finding.js';

/** Packages with native code, which an install for another platform or without its optional parts leaves out. */
const NATIVE = ['onnxruntime-node', 'sharp'];
const LOAD_WITHIN_MS = 20_000;

/** `version` as `process.versions.node` has it. */
export function checkNode(version: string): Finding {
  const wanted = minimumNode();
  if (isAtLeast(version, wanted)) return ok('Node', version);
  return failed('Node', `${version}, but ${wanted} or newer is needed`, `Install Node ${wanted} or newer.`);
}

function minimumNode(): string {
  const text = readFileSync(fileURLToPath(new URL('../../../package.json', import.meta.url)), 'utf8');
  const { engines } = JSON.parse(text) as { engines: { node: string } };
  return engines.node.replace('>=', '');
}

function isAtLeast(version: string, wanted: string): boolean {
  const [[major, minor], [wantedMajor, wantedMinor]] = [version, wanted].map((text) =>
    text.split('.').map(Number),
  ) as [[number, number], [number, number]];
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/** Loads each in a process of its own: one that is broken may take its process along. */
export async function checkPackages(names: readonly string[] = NATIVE): Promise<Finding> {
  const broken = await Promise.all(names.map(async (name) => ((await loads(name)) ? [] : [name])));
  const missing = broken.flat();
  if (missing.length === 0) return ok('Packages', names.join(' and '));
  return failed(
    'Packages',
    `${missing.join(' and ')} cannot be loaded on ${process.platform}-${process.arch}`,
    'Install them on this machine: `npm ci`.',
  );
}

const loads = (name: string): Promise<boolean> =>
  promisify(execFile)(process.execPath, ['--input-type=module', '--eval', `await import('${name}')`], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    timeout: LOAD_WITHIN_MS,
  }).then(
    () => true,
    () => false,
  );
