/** `npm run keys`: makes, lists and revokes API keys. */
import { parseArgs } from 'node:util';
import { Value } from 'typebox/value';
import { Tenant } from '../contracts.js';
import { ApiKeys } from '../store/api-keys.js';
import { Misused, redisCommand } from './redis-command.js';

const USAGE = `Makes, lists and revokes API keys.

  npm run keys -- create --tenant acme --name backend [--rate 600] [--quota 3600] [--admin]
  npm run keys -- list
  npm run keys -- revoke ID

The service must run, or REDIS_URL must name its Redis. A key is shown once.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tenant: { type: 'string' },
    name: { type: 'string' },
    rate: { type: 'string' },
    quota: { type: 'string' },
    admin: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function main(keys: ApiKeys, [command, id, ...others]: string[]): Promise<void> {
  if (others.length > 0) throw new Misused(`Received '${others[0]}', which means nothing here.`);
  if (command === 'create' && id === undefined) return create(keys);
  if (command === 'list' && id === undefined) {
    const rows = (await keys.list()).map(({ id, tenant, name, admin, revokedAt, createdAt }) => ({
      id,
      tenant,
      name,
      admin,
      createdAt,
      state: revokedAt ? `revoked ${revokedAt}` : 'valid',
    }));
    console.table(rows);
    return;
  }
  if (command === 'revoke' && id !== undefined) {
    if (!(await keys.revoke(id)))
      throw new Misused(`There is no key with the id '${id}'; \`list\` shows them.`);
    console.log(`Revoked ${id}. It is refused within 2 seconds.`);
    return;
  }
  throw new Misused(`Received ${command === undefined ? 'no command' : `'${command}'`}.`);
}

async function create(keys: ApiKeys): Promise<void> {
  const { tenant, name, rate, quota, admin } = values;
  if (!tenant || !Value.Check(Tenant, tenant))
    throw new Misused('Expected --tenant: lower-case letters, digits and hyphens, at most 63.');
  if (!name) throw new Misused('Expected --name: what the key is for.');
  const ratePerMinute = count(rate, 'requests a minute for --rate');
  const deviceSecondsPerDay = count(quota, 'device seconds a day for --quota');
  const { key, token } = await keys.create({ tenant, name, admin, ratePerMinute, deviceSecondsPerDay });
  console.error(`Key ${key.id} of tenant ${tenant}. It cannot be shown again:`);
  console.log(token);
}

function count(text: string | undefined, what: string): number | undefined {
  if (text === undefined || /^\d{1,9}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new Misused(`Expected an integer of ${what} but received '${text}'.`);
}

if (values.help) console.log(USAGE);
else await redisCommand(USAGE, (redis, { keyPrefix }) => main(new ApiKeys(redis, keyPrefix), positionals));
