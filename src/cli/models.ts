/** `npm run models`: fetches, converts and verifies the default models. `-- --check` only verifies what is there. */
import { parseArgs } from 'node:util';
import { loadConfig } from '../config.js';
import { ensureModels, type ModelProgress, verifyModels } from '../models/convert/models.js';
import type { ModelManifest } from '../models/manifest.js';

const USAGE = `Usage: npm run models [-- --check]

Fetches the default models, converts them to ONNX and verifies them in LATENTMORPH_MODELS (default .cache/models).
  --check   only verify; exit 1 when something is missing or broken
  --help    show this text`;

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** One line of progress. */
function progressLine(progress: ModelProgress): string {
  switch (progress.stage) {
    case 'fetch':
      return `fetching   ${progress.pkg.name} ${progress.pkg.version} (${mebibytes(progress.pkg.bytes)})`;
    case 'convert':
      return `converting ${progress.file}`;
    case 'sample':
      return `sampling   ${progress.count} latents for their average`;
    case 'verified':
      return `verified   ${progress.file}`;
    case 'broken':
      return `broken     ${progress.file}: missing, partial or changed`;
  }
}

/** The manifest as a table. */
function manifestTable(manifest: ModelManifest): string {
  const axes = (entries: Readonly<Record<string, readonly (number | string)[]>>): string =>
    Object.entries(entries)
      .map(([name, shape]) => `${name} [${shape.join(',')}]`)
      .join(' ');
  const rows = Object.entries(manifest.files).map(([name, file]) => [
    name,
    mebibytes(file.bytes),
    file.sha256.slice(0, 12),
    `${axes(file.inputs)} -> ${axes(file.outputs)}`,
  ]);
  const table = [['file', 'size', 'sha256', 'inputs -> outputs'], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
  const licences = manifest.licences.map(
    ({ work, licence, note }) => `- ${work}: ${licence}${note ? `. ${note}` : ''}`,
  );
  return [...lines, '', 'Licences', ...licences].join('\n');
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { check: { type: 'boolean' }, help: { type: 'boolean' } } });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const { modelsDir } = loadConfig();
  const print = (progress: ModelProgress): void => console.log(progressLine(progress));
  if (!values.check) {
    const manifest = await ensureModels(modelsDir, print);
    console.log(`\nModels in ${modelsDir}\n\n${manifestTable(manifest)}`);
    return;
  }
  const { manifest, broken } = await verifyModels(modelsDir, print);
  if (manifest && broken.length === 0) {
    console.log(`\nModels in ${modelsDir} are complete.`);
    return;
  }
  console.error(
    `\nModels in ${modelsDir} are ${manifest ? 'broken' : 'missing or of another version'}: run \`npm run models\`.`,
  );
  process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
