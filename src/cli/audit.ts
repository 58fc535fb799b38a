/** `npm run audit`: which embeddings were deleted, when, why, and by which key. */
import { parseArgs } from 'node:util';
import { Audit, type Deletion } from '../store/audit.js';
import { Pending } from '../store/pending.js';
import { Misused, redisCommand } from './redis-command.js';

const USAGE = `Lists the embeddings that were deleted, the earliest first. Entries are kept for 400 days.

  npm run audit -- [--tenant acme] [--since 2026-01-31] [--json]

With --json each entry is a line of JSON. The service must run, or REDIS_URL must name its Redis.`;

function options() {
  const { values } = parseArgs({
    options: {
      tenant: { type: 'string' },
      since: { type: 'string', default: '1970-01-01' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return values;
}

const { tenant, since, json, help } = options();
if (help) console.log(USAGE);
else
  await redisCommand(USAGE, async (redis, { keyPrefix }) => {
    const from = new Date(since);
    if (Number.isNaN(from.getTime()))
      throw new Misused(`Expected a moment such as 2026-01-31 for --since but received '${since}'.`);
    const found: Deletion[] = [];
    for await (const entry of new Audit(redis, keyPrefix).since(from)) {
      if (tenant !== undefined && entry.tenant !== tenant) continue;
      if (json) console.log(JSON.stringify(entry));
      else found.push(entry);
    }
    if (json) return;
    if (found.length > 0) console.table(found);
    const unfinished = (await new Pending(redis, keyPrefix).deletions()).length;
    console.log(`${found.length} deletions, ${unfinished} of all not finished yet.`);
  });
