/**
 * The Lua scripts behind `Records`. Each change of a record, of what lists it and of what tells about it is one step, so
 * that no crash can leave a result without its event or a listed id without its record. The scripts compare and set texts
 * and never re-encode JSON, which would lose float digits and empty arrays.
 *
 * Keys of lists are made from the tenant, labels and reference of the record: one Redis server, no cluster.
 */

import { AUDIT_KEPT_MS } from './audit.js';

/** Events of one embedding that are kept: a projection of 200 steps makes 22. */
const KEPT_EVENTS = 200;
/** Events of finished embeddings that wait for their webhooks; far more than any outage of ours lets gather. */
const KEPT_OUTBOX = 100_000;
/** Seconds that events outlive the latest one. */
const EVENTS_TTL = 86_400;

/**
 * Notes a deletion for the audit, before it: with it go the counts. Entries are named by the time of the server, which
 * trims them by age.
 */
const NOTE = `
local function note(prefix, record, id, tenant, why, key, at)
  local oldest = redis.call('TIME')[1] * 1000 - ${AUDIT_KEPT_MS}
  local blobs = 0
  for _ in pairs(cjson.decode(redis.call('HGET', record, 'blobs') or '{}')) do blobs = blobs + 1 end
  redis.call('XADD', prefix .. ':audit', 'MINID', '~', string.format('%.0f', oldest), '*',
    'id', id, 'tenant', tenant, 'why', why, 'key', key, 'at', at,
    'blobs', blobs, 'renders', redis.call('SCARD', prefix .. ':renders:' .. id))
end
`;

/** Calls `each` with every list that the record is in. */
const LISTS = `
local function lists(prefix, record, each)
  local tenant = cjson.decode(redis.call('HGET', record, 'tenant') or '"default"')
  local root = prefix .. ':tenant:' .. tenant .. ':'
  each(root .. 'embeddings', 'all')
  local labels = redis.call('HGET', record, 'labels')
  if labels then for _, label in ipairs(cjson.decode(labels)) do each(root .. 'label:' .. label, 'label') end end
  local reference = redis.call('HGET', record, 'reference')
  if reference then each(root .. 'reference:' .. cjson.decode(reference), 'reference') end
end
`;

/** Tells who follows the embedding, and, where it has come to an end, the webhooks of its tenant. */
const TELL = `
local function tell(prefix, id, tenant, event, data, outbox, at)
  local events = prefix .. ':events:' .. id
  if event ~= '' then
    redis.call('XADD', events, 'MAXLEN', '~', ${KEPT_EVENTS}, '*', 'event', event, 'data', data)
    redis.call('EXPIRE', events, ${EVENTS_TTL})
  end
  if outbox ~= '' then
    redis.call('XADD', prefix .. ':outbox', 'MAXLEN', '~', ${KEPT_OUTBOX}, '*',
      'type', outbox, 'id', id, 'tenant', tenant, 'at', at)
  end
  redis.call('PUBLISH', prefix .. ':changed', id)
end
`;

/** What has not come to an end, of all tenants and of each. */
const UNFINISHED = `
local function begun(prefix, id, tenant, created)
  redis.call('ZADD', prefix .. ':unfinished', created, id)
  redis.call('ZADD', prefix .. ':tenant:' .. tenant .. ':unfinished', created, id)
end
local function ended(prefix, id, tenant)
  redis.call('ZREM', prefix .. ':unfinished', id)
  redis.call('ZREM', prefix .. ':tenant:' .. tenant .. ':unfinished', id)
end
`;

/**
 * Creates records of one tenant, all of them or none. KEYS: records. ARGV: prefix, type for the outbox or '', time, tenant,
 * how many of the tenant and how many in all may be unfinished (0: no limit), key of the entry of a claim or '', claim, then for each record its id, milliseconds of its
 * creation, milliseconds of its expiry or '', number of the texts that follow, and as many fields and values. Returns
 * `created`, `taken`, `superseded`, or what is full: `tenant` or `all`, and how many are unfinished there. A claim that is no longer
 * the one of its entry supersedes.
 */
export const CREATE = `${LISTS}${TELL}${UNFINISHED}
local prefix, outbox, tenant = ARGV[1], ARGV[2], ARGV[4]
if ARGV[7] ~= '' then
  local entry = redis.call('GET', ARGV[7])
  if not entry or cjson.decode(entry).claim ~= ARGV[8] then return {'superseded', 0} end
end
for _, record in ipairs(KEYS) do
  if redis.call('EXISTS', record) == 1 then return {'taken', 0} end
end
if outbox == '' then
  local own = redis.call('ZCARD', prefix .. ':tenant:' .. tenant .. ':unfinished')
  local most = tonumber(ARGV[5])
  if most > 0 and own + #KEYS > most then return {'tenant', own} end
  local all = redis.call('ZCARD', prefix .. ':unfinished')
  most = tonumber(ARGV[6])
  if most > 0 and all + #KEYS > most then return {'all', all} end
end
local at = 9
for _, record in ipairs(KEYS) do
  local id, created, expires, texts = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  redis.call('HSET', record, unpack(ARGV, at + 4, at + 3 + texts))
  lists(prefix, record, function(list) redis.call('ZADD', list, created, id) end)
  if expires ~= '' then redis.call('ZADD', prefix .. ':expiring', expires, id) end
  if outbox == '' then begun(prefix, id, tenant, created)
  else tell(prefix, id, tenant, 'result', '{}', outbox, ARGV[3]) end
  at = at + 4 + texts
end
return {'created', 0}`;

/**
 * KEYS: record. ARGV: prefix, id, allowed states as JSON texts, fence, attempt, event or '', its data, type for the
 * outbox or '', time, then field and value pairs.
 */
export const TRANSITION = `${TELL}${UNFINISHED}
local state = redis.call('HGET', KEYS[1], 'state')
if not state or not string.find(ARGV[3], state, 1, true) then return 0 end
local stored, attempt = tonumber(redis.call('HGET', KEYS[1], 'attempt')), tonumber(ARGV[5])
local fence = ARGV[4]
if fence == 'same' and attempt ~= stored then return 0 end
if fence == 'newer' and attempt <= stored then return 0 end
if fence == 'not-older' and attempt < stored then return 0 end
if #ARGV > 9 then redis.call('HSET', KEYS[1], unpack(ARGV, 10)) end
local tenant = cjson.decode(redis.call('HGET', KEYS[1], 'tenant') or '"default"')
if ARGV[8] ~= '' then
  ended(ARGV[1], ARGV[2], tenant)
  if redis.call('HGET', KEYS[1], 'store') == '"latent-only"' then redis.call('SADD', ARGV[1] .. ':dropping', ARGV[2]) end
end
tell(ARGV[1], ARGV[2], tenant, ARGV[6], ARGV[7], ARGV[8], ARGV[9])
return 1`;

/**
 * Deletes the record of this tenant at once. KEYS: record, hash of deletions in progress. ARGV: prefix, id, tenant as a
 * JSON text, time, why, key that asked for it or ''.
 */
export const REMOVE = `${LISTS}${TELL}${NOTE}${UNFINISHED}
local tenant = ARGV[3]
if redis.call('EXISTS', KEYS[1]) == 1 then
  if (redis.call('HGET', KEYS[1], 'tenant') or '"default"') ~= tenant then return 0 end
  note(ARGV[1], KEYS[1], ARGV[2], cjson.decode(tenant), ARGV[5], ARGV[6], ARGV[4])
  lists(ARGV[1], KEYS[1], function(list) redis.call('ZREM', list, ARGV[2]) end)
  redis.call('ZREM', ARGV[1] .. ':expiring', ARGV[2])
  ended(ARGV[1], ARGV[2], cjson.decode(tenant))
  redis.call('SREM', ARGV[1] .. ':dropping', ARGV[2])
  redis.call('DEL', KEYS[1], ARGV[1] .. ':events:' .. ARGV[2])
  redis.call('HSET', KEYS[2], ARGV[2], tenant)
  tell(ARGV[1], ARGV[2], cjson.decode(tenant), '', '', 'embedding.deleted', ARGV[4])
end
return redis.call('HGET', KEYS[2], ARGV[2]) == tenant and 1 or 0`;

/**
 * Leaves of the record only what says that it was there, for as many seconds as are given. It stays listed as expiring
 * until its blobs are deleted, too. KEYS: record. ARGV: prefix, id, time, seconds.
 */
export const EXPIRE = `${LISTS}${TELL}${NOTE}${UNFINISHED}
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local tenant = redis.call('HGET', KEYS[1], 'tenant') or '"default"'
if redis.call('HGET', KEYS[1], 'state') ~= '"expired"' then
  note(ARGV[1], KEYS[1], ARGV[2], cjson.decode(tenant), 'retention', '', ARGV[3])
  local created, options = redis.call('HGET', KEYS[1], 'createdAt'), redis.call('HGET', KEYS[1], 'options')
  local expires, attempt = redis.call('HGET', KEYS[1], 'expiresAt'), redis.call('HGET', KEYS[1], 'attempt')
  lists(ARGV[1], KEYS[1], function(list, kind)
    if kind ~= 'all' then redis.call('ZREM', list, ARGV[2]) end
  end)
  ended(ARGV[1], ARGV[2], cjson.decode(tenant))
  redis.call('SREM', ARGV[1] .. ':dropping', ARGV[2])
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'id', cjson.encode(ARGV[2]), 'tenant', tenant, 'state', '"expired"', 'createdAt', created,
    'finishedAt', cjson.encode(ARGV[3]), 'expiresAt', expires or cjson.encode(ARGV[3]), 'attempt', attempt,
    'options', options, 'blobs', '{}')
  tell(ARGV[1], ARGV[2], cjson.decode(tenant), 'result', '{}', 'embedding.expired', ARGV[3])
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1`;

/** KEYS: record, set of its renders. ARGV: render key. What has expired is as good as gone. */
export const LINK = `
local state = redis.call('HGET', KEYS[1], 'state')
if not state or state == '"expired"' then return 0 end
redis.call('SADD', KEYS[2], ARGV[1])
return 1`;
