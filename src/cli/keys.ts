/** `npm run keys`: makes, lists and revokes API keys. */
import { parseArgs } from 'node:util';
import { Value } from 'typebox/value';
import { loadConfig } from '../config.js';
import { Tenant } from '../contracts.js';
import { ApiKeys } from '../store/api-keys.js';
import { connectRedis, ready } from '../store/redis.js';
import { embeddedRedisUrl } from './embedded-redis.js';

const USAGE = `Makes, lists and revokes API keys.

  npm run keys -- create --tenant acme --name backend [--rate 600] [--admin]
  npm run keys -- list
  npm run keys -- revoke ID

The service must run, or REDIS_URL must name its Redis. A key is shown once.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tenant: { type: 'string' },
    name: { type: 'string' },
    rate: { type: 'string' },
    admin: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

class Misused extends Error {}

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
  const { tenant, name, rate, admin } = values;
  if (!tenant || !Value.Check(Tenant, tenant))
    throw new Misused('Expected --tenant: lower-case letters, digits and hyphens, at most 63.');
  if (!name) throw new Misused('Expected --name: what the key is for.');
  const ratePerMinute = rate === undefined ? undefined : Number(rate);
  if (ratePerMinute !== undefined && !(Number.isInteger(ratePerMinute) && ratePerMinute >= 0))
    throw new Misused(`Expected an integer of requests a minute for --rate but received '${rate}'.`);
  const { key, token } = await keys.create({ tenant, name, admin, ratePerMinute });
  console.error(`Key ${key.id} of tenant ${tenant}. It cannot be shown again:`);
  console.log(token);
}

if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const config = loadConfig();
const url = config.redisUrl ?? (await embeddedRedisUrl(config.dataDir));
if (!url) {
  console.error('No Redis is known: start the service with `npm start`, or set REDIS_URL.');
  process.exit(1);
}
const redis = connectRedis(url, () => undefined);
try {
  await ready(redis, 5_000);
  await main(new ApiKeys(redis, config.keyPrefix), positionals);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof Misused) console.error(`\n${USAGE}`);
  process.exitCode = 1;
}
redis.disconnect();
