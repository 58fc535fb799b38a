/** `latentmorph models`: fetches, converts, verifies and lists the models. */
import { loadConfig } from '../../config.js';
import { ensureModels, type ModelProgress, verifyModels } from '../../models/convert/models.js';
import { type ModelManifest, readManifest } from '../../models/manifest.js';
import { argumentsOf, type Command, EXIT, Misused } from './command.js';
import { say } from './say.js';

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

export const models: Command = {
  summary: 'fetches, verifies and lists the models',
  usage: `Usage: latentmorph models list|pull|verify [--json]

  list     what is there, with licences
  pull     fetches the default models, converts them to ONNX and verifies them, where they are missing or broken
  verify   compares each file with its sha256; ends with 1 where something is missing or broken
Their place is LATENTMORPH_MODELS (default .cache/models).
  --json   one JSON object as the last line of standard output`,
  async run(args) {
    const { values, positionals } = argumentsOf(args, { json: { type: 'boolean', default: false } });
    const [name, ...others] = positionals;
    const action = name === undefined || others.length > 0 ? undefined : ACTIONS[name];
    if (!action)
      throw new Misused(
        `Expected one of ${Object.keys(ACTIONS).join(', ')} but received '${positionals.join(' ')}'.`,
      );
    return action(loadConfig().modelsDir, values.json);
  },
};

const ACTIONS: Readonly<Record<string, (modelsDir: string, json: boolean) => Promise<number>>> = {
  async list(modelsDir, json) {
    print(modelsDir, await readManifest(modelsDir), json);
    return EXIT.ok;
  },
  async pull(modelsDir, json) {
    print(modelsDir, await ensureModels(modelsDir, told), json);
    return EXIT.ok;
  },
  async verify(modelsDir, json) {
    const { manifest, broken } = await verifyModels(modelsDir, told);
    const complete = manifest !== undefined && broken.length === 0;
    if (json) console.log(JSON.stringify({ modelsDir, complete, broken }));
    if (complete) say(`Models in ${modelsDir} are complete.`);
    else
      say(
        `Models in ${modelsDir} are ${manifest ? 'broken' : 'missing or of another version'}: run \`npx latentmorph models pull\`.`,
      );
    return complete ? EXIT.ok : EXIT.failed;
  },
};

const told = (progress: ModelProgress): void => say(progressLine(progress));

function print(modelsDir: string, manifest: ModelManifest, json: boolean): void {
  const { generator, files, licences } = manifest;
  if (json) console.log(JSON.stringify({ modelsDir, generator, files, licences }));
  else console.log(`Models in ${modelsDir}\n\n${manifestTable(manifest)}`);
}
