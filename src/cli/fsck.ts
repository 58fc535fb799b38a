/** `npm run fsck`: finds, and with --repair mends, what crashes, disks and people left wrong in Redis and the blob store. */
import { parseArgs } from 'node:util';
import { Presets, SingleBar } from 'cli-progress';
import { Queues } from '../queue.js';
import { FAULTS, type Fault, type Finding } from '../store/fsck/faults.js';
import { type FsckDeps, fsck, type Looked } from '../store/fsck/fsck.js';
import { openBlobs } from '../store/open-blobs.js';
import { Pending } from '../store/pending.js';
import { Records } from '../store/records.js';
import { Misused, redisCommand } from './redis-command.js';

const USAGE = `Compares records, lists, jobs and blobs with each other, and every blob with its seal.

  npm run fsck -- [--repair] [--older-than MINUTES] [--quick] [--json]

  --repair               mends what can be mended; never deletes what a record names. Safe while the service runs
  --older-than MINUTES   leaves alone what is younger, which may belong to a request or job under way (default 60)
  --quick                does not read the blobs
  --json                 one JSON object as the last line of standard output

The service must run, or REDIS_URL must name its Redis; the blobs are where LATENTMORPH_DATA or LATENTMORPH_BLOBS say.
Exit codes: 0 nothing is wrong, or all was mended; 1 something is wrong; 2 it could not be done.`;

const COULD_NOT = 2;
/** Subjects that are printed for each fault. */
const SHOWN = 5;

const { values } = parseArgs({
  options: {
    repair: { type: 'boolean', default: false },
    'older-than': { type: 'string', default: '60' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

interface Count {
  found: number;
  mended: number;
  subjects: string[];
}

if (values.help) console.log(USAGE);
else {
  await redisCommand(
    USAGE,
    async (redis, config) => {
      const minutes = values['older-than'];
      if (!/^\d{1,6}$/.test(minutes))
        throw new Misused(`Expected a number of minutes for --older-than but received '${minutes}'.`);
      const { keyPrefix: prefix } = config;
      const jobs = new Queues(config.redisUrl, prefix);
      await jobs.ready(5_000);
      const deps = {
        redis,
        prefix,
        records: new Records(redis, prefix),
        pending: new Pending(redis, prefix),
        blobs: await openBlobs(config),
        jobs,
        now: () => new Date(),
        graceMs: Number(minutes) * 60_000,
        contents: !values.quick,
      };
      try {
        process.exitCode = await run(deps);
      } finally {
        await jobs.close();
      }
    },
    COULD_NOT,
  );
}

async function run(deps: FsckDeps): Promise<number> {
  const counts = new Map<Fault, Count>();
  const bar = new SingleBar(
    { format: 'blobs {value}  {duration_formatted}', stream: process.stderr, noTTYOutput: false },
    Presets.rect,
  );
  bar.start(0, 0);
  const walk = fsck(deps, () => bar.increment());
  let looked: Looked;
  for (;;) {
    const { done, value } = await walk.next();
    if (done) {
      looked = value;
      break;
    }
    await note(counts, value);
  }
  bar.stop();
  const rows = [...counts].map(([fault, count]) => ({ fault, ...count }));
  const clean = rows.every(({ found, mended }) => found === mended);
  console.log(values.json ? JSON.stringify({ ...looked, clean, faults: rows }) : report(rows, looked, clean));
  return clean ? 0 : 1;
}

async function note(counts: Map<Fault, Count>, { fault, subject, mend }: Finding): Promise<void> {
  const count = counts.get(fault) ?? { found: 0, mended: 0, subjects: [] };
  counts.set(fault, count);
  count.found++;
  if (count.subjects.length < SHOWN) count.subjects.push(subject);
  if (!values.repair || !mend) return;
  await mend();
  count.mended++;
}

function report(
  rows: readonly ({ fault: Fault } & Count)[],
  { records, blobs }: Looked,
  clean: boolean,
): string {
  const lines = rows.flatMap(({ fault, found, mended, subjects }) => [
    `${found} ${FAULTS[fault]}${mended > 0 ? `, ${mended} mended` : ''}`,
    ...subjects.map((subject) => `    ${subject}`),
    ...(found > subjects.length ? [`    and ${found - subjects.length} more`] : []),
  ]);
  const end = clean ? 'Nothing is left wrong.' : HINT;
  return [...lines, `${records} records and ${blobs} blobs were looked at. ${end}`].join('\n');
}

const HINT =
  '`npm run fsck -- --repair` mends what can be mended; damaged and missing blobs come back from a backup only (docs/guides/backup.md).';
