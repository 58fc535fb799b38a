/** `npm run reliability`: breaks everything that test/faults breaks, and writes docs/reliability.md with the result of each case. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { command } from './command.js';
import { CACHE, models, ROOT, say } from './workspace.js';

const USAGE = `Usage: npm run reliability [-- OPTIONS]

  --only NAMES   of files in test/faults, separated by commas; the cases of others keep the result that they have (default: all)`;

/** Files of test/faults by the name of their section, in the order of the document. */
const SECTIONS: Readonly<Record<string, string>> = {
  http: 'HTTP and multipart',
  images: 'Images',
  faces: 'Faces',
  outgoing: 'Requests that the service makes itself',
  requests: 'Requests and their answers',
  workers: 'Workers',
  redis: 'Redis',
  'redis-away': 'An API without its Redis',
  'blob-store': 'The blob store',
  engine: 'Engines',
  renders: 'Many renders',
  torture: 'Everything at once',
};

interface Report {
  testResults: { name: string; assertionResults: { fullName: string; status: string }[] }[];
}

const MARK = '<!-- cases: written by `npm run reliability` -->';
const DOCUMENT = join(ROOT, 'docs/reliability.md');

async function main({ only }: { only: string[] }): Promise<void> {
  await models();
  const reports = join(CACHE, 'reliability');
  await mkdir(reports, { recursive: true });
  const report = join(reports, 'report.json');
  await run(only, report);
  const found = resultsOf(JSON.parse(await readFile(report, 'utf8')) as Report);
  const text = await readFile(DOCUMENT, 'utf8');
  const cases = new Map([...known(text), ...found]);
  const [before] = text.split(MARK);
  await writeFile(DOCUMENT, `${before}${MARK}\n${tables(cases)}`);
  const failed = [...found.values()].flat().filter(({ result }) => result !== 'passed');
  say(`${[...found.values()].flat().length} cases, ${failed.length} of them not passed. ${DOCUMENT}`);
  if (failed.length > 0) process.exitCode = 1;
}

async function run(only: readonly string[], report: string): Promise<void> {
  const files = only.map((name) => `/${name}.test.ts`);
  const args = [
    'vitest',
    'run',
    '--project',
    'faults',
    '--project',
    'faults-slow',
    '--reporter=default',
    '--reporter=json',
  ];
  const child = spawn('npx', [...args, `--outputFile.json=${report}`, ...files], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
  });
  await once(child, 'exit');
}

interface Case {
  title: string;
  result: string;
}
type Cases = Map<string, Case[]>;

const resultsOf = ({ testResults }: Report): Cases =>
  new Map(
    testResults.map(({ name, assertionResults }) => [
      basename(name, '.test.ts'),
      assertionResults.map(({ fullName, status }) => ({ title: fullName.trim(), result: status })),
    ]),
  );

/** What the document says already. */
function known(text: string): Cases {
  const cases: Cases = new Map();
  let name: string | undefined;
  for (const line of text.split(MARK)[1]?.split('\n') ?? []) {
    const [, file] = /^`test\/faults\/(?:slow\/)?([\w-]+)\.test\.ts`$/.exec(line) ?? [];
    if (file) {
      name = file;
      cases.set(file, []);
    }
    const [, title, result] = /^\| (.*) \| (passed|failed|skipped|pending|todo) \|$/.exec(line) ?? [];
    if (name && title && result) cases.get(name)!.push({ title: title.replaceAll('\\|', '|'), result });
  }
  return cases;
}

function tables(cases: Cases): string {
  const sections = Object.entries(SECTIONS).flatMap(([name, heading]) => {
    const own = cases.get(name);
    if (!own) return [];
    const folder = SLOW.includes(name) ? 'test/faults/slow' : 'test/faults';
    const rows = own.map(({ title, result }) => `| ${title.replaceAll('|', '\\|')} | ${result} |`);
    return [
      `## ${heading}`,
      '',
      `\`${folder}/${name}.test.ts\``,
      '',
      '| case | result |',
      '|---|---|',
      ...rows,
      '',
    ];
  });
  const all = [...cases.values()].flat();
  const passed = all.filter(({ result }) => result === 'passed').length;
  const summary = `${passed} of ${all.length} cases passed when they were run last, on ${availableParallelism()} cores with Node ${process.versions.node.split('.')[0]}.`;
  return ['', summary, '', ...sections].join('\n');
}

/** Those that `npm test` leaves out. */
const SLOW = ['requests', 'workers', 'redis', 'blob-store', 'engine', 'renders', 'torture'];

function optionsOf(args: string[]): { only: string[] } {
  const { values } = parseArgs({ args, options: { only: { type: 'string', default: '' } } });
  const only = values.only.split(',').filter((name) => name !== '');
  const unknown = only.find((name) => !(name in SECTIONS));
  if (unknown)
    throw new Error(`Expected some of ${Object.keys(SECTIONS).join(', ')} but received '${unknown}'`);
  return { only };
}

await command(USAGE, optionsOf, main);
