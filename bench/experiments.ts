/** `npm run experiments`: the tables and figures of the paper, on any photos. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EmbedAlone } from '../src/cli/offline/embed-alone.js';
import { integerOption } from './arguments.js';
import { command } from './command.js';
import { Laboratory } from './experiments/laboratory.js';
import { figure4, figure5 } from './experiments/morphs.js';
import { figure2, figure3 } from './experiments/projections.js';
import { type Report, writeReport } from './experiments/report.js';
import { table1 } from './experiments/table1.js';
import { setEngineEnvironment } from './quality/engine-environment.js';
import { QualityJudge } from './quality/judge.js';
import { type Source, sourceOption, sourcePhotos } from './quality/source.js';
import { models, ROOT } from './workspace.js';

const EXPERIMENTS: Readonly<Record<string, (lab: Laboratory) => Promise<Report>>> = {
  table1,
  figure2,
  figure3,
  figure4,
  figure5,
};
const NAMES = Object.keys(EXPERIMENTS);

const USAGE = `Usage: npm run experiments -- ${NAMES.join('|')} [OPTIONS]

  --photos DIR     the largest face of each photo in a folder
  --list LIST      tuning or judging (default judging)
  --steps N        steps of each projection (default 300; the paper takes 2000)
  --limit N        only the first N photos (default 4)
  --pairs N        at most N pairs of them (default as many as photos)
  --out DIR        folder of the reports (default reports)
  --threads N      threads (default 2)`;

interface Options {
  names: string[];
  source: Source;
  steps: number;
  limit: number;
  pairs: number;
  out: string;
  threads: number;
}

async function main(options: Options): Promise<void> {
  setEngineEnvironment(options.threads);
  const manifest = await models();
  const photos = await sourcePhotos(options.source, options.limit);
  const service = new EmbedAlone();
  const judge = await QualityJudge.load(manifest, options.threads);
  const setting = { photos, steps: options.steps, pairs: options.pairs };
  const lab = new Laboratory({ manifest, service, judge }, setting);
  for (const name of options.names) {
    const report = await EXPERIMENTS[name]!(lab);
    console.log(`${report.text.join('\n\n')}\n\n${await writeReport(options.out, name, report)}\n`);
  }
  await service.close();
}

function optionsOf(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      photos: { type: 'string' },
      list: { type: 'string' },
      steps: { type: 'string', default: '300' },
      limit: { type: 'string', default: '4' },
      pairs: { type: 'string' },
      out: { type: 'string', default: join(ROOT, 'reports') },
      threads: { type: 'string', default: '2' },
    },
  });
  const unknown = positionals.find((name) => !NAMES.includes(name));
  if (unknown !== undefined || positionals.length === 0)
    throw new Error(`Expected one or several of ${NAMES.join(', ')} but received '${unknown ?? ''}'`);
  const limit = integerOption('limit', values.limit);
  return {
    names: positionals,
    source: sourceOption(values),
    steps: integerOption('steps', values.steps),
    limit,
    pairs: values.pairs === undefined ? limit : integerOption('pairs', values.pairs),
    out: values.out,
    threads: integerOption('threads', values.threads),
  };
}

await command(USAGE, optionsOf, main);
