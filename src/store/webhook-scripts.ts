/**
 * The Lua scripts behind `Webhooks` and `WebhookDeliveries`. Each step of a delivery changes the delivery, the queue of its
 * endpoint and the order in which endpoints are looked at in one go: after a crash there is none that nobody will send.
 *
 * Every endpoint has a queue of its own, so that one that answers slowly, or never, holds up nobody else's. Keys are made
 * from ids: one Redis server, no cluster. The first argument of every script is the prefix of the keys.
 */

/** Seconds that a delivery is kept after it has come to its end. */
const KEPT_SECONDS = 30 * 86_400;
/** Deliveries at their end that are kept of one endpoint. */
const KEPT_DELIVERIES = 1_000;

const NAMES = `
local prefix = ARGV[1]
local due = prefix .. ':webhooks-due'
local function endpoint(hook) return prefix .. ':webhook:' .. hook end
local function delivery(id) return prefix .. ':webhook-delivery:' .. id end
local function waiting(hook) return prefix .. ':webhook-waiting:' .. hook end
local function log(hook) return prefix .. ':webhook-log:' .. hook end
local function done(hook) return prefix .. ':webhook-done:' .. hook end
`;

/** Notes when somebody must look at the endpoint next; never while it is disabled. */
const PLAN = `
local function plan(hook)
  local first = redis.call('ZRANGE', waiting(hook), 0, 0, 'WITHSCORES')
  if not first[1] or redis.call('HEXISTS', endpoint(hook), 'disabledAt') == 1 then
    redis.call('ZREM', due, hook)
  else
    local paused = tonumber(redis.call('HGET', endpoint(hook), 'pausedUntil') or '0')
    redis.call('ZADD', due, math.max(tonumber(first[2]), paused), hook)
  end
end
`;

/** Ends a delivery, and forgets the oldest of those that have ended. */
const SETTLE = `
local function settle(hook, id, now)
  redis.call('ZREM', waiting(hook), id)
  redis.call('ZADD', done(hook), now, id)
  redis.call('EXPIRE', delivery(id), ${KEPT_SECONDS})
  local surplus = redis.call('ZRANGE', done(hook), 0, -${KEPT_DELIVERIES + 1})
  local old = redis.call('ZRANGEBYSCORE', done(hook), '-inf', now - ${KEPT_SECONDS * 1000}, 'LIMIT', 0, ${KEPT_DELIVERIES})
  for _, list in ipairs({ surplus, old }) do
    for _, each in ipairs(list) do
      redis.call('DEL', delivery(each))
      redis.call('ZREM', done(hook), each)
      redis.call('ZREM', log(hook), each)
    end
  end
end
`;

/** ARGV: prefix, tenant, id, milliseconds, most of a tenant, then field and value pairs. 0: the tenant has its most. */
export const CREATE_WEBHOOK = `${NAMES}
local list = prefix .. ':tenant:' .. ARGV[2] .. ':webhooks'
if redis.call('ZCARD', list) >= tonumber(ARGV[5]) then return 0 end
redis.call('HSET', endpoint(ARGV[3]), unpack(ARGV, 6))
redis.call('ZADD', list, ARGV[4], ARGV[3])
return 1`;

/** Deletes an endpoint with its secrets and all its deliveries. ARGV: prefix, tenant, id, tenant as a JSON text. */
export const REMOVE_WEBHOOK = `${NAMES}
local hook = ARGV[3]
if redis.call('HGET', endpoint(hook), 'tenant') ~= ARGV[4] then return 0 end
for _, id in ipairs(redis.call('ZRANGE', log(hook), 0, -1)) do redis.call('DEL', delivery(id)) end
redis.call('DEL', endpoint(hook), waiting(hook), log(hook), done(hook))
redis.call('ZREM', due, hook)
redis.call('ZREM', prefix .. ':tenant:' .. ARGV[2] .. ':webhooks', hook)
return 1`;

/**
 * Gives an endpoint a new secret; the one it had goes on signing for a while. ARGV: prefix, id, tenant, secret, time until
 * which the old one signs; the last three as JSON texts.
 */
export const ROTATE_SECRET = `${NAMES}
local hook = endpoint(ARGV[2])
if redis.call('HGET', hook, 'tenant') ~= ARGV[3] then return 0 end
redis.call('HSET', hook, 'oldSecret', redis.call('HGET', hook, 'secret'), 'oldSecretUntil', ARGV[5], 'secret', ARGV[4])
return 1`;

/** Takes deliveries up again, those that waited included. ARGV: prefix, id, tenant as a JSON text. */
export const ENABLE_WEBHOOK = `${NAMES}${PLAN}
if redis.call('HGET', endpoint(ARGV[2]), 'tenant') ~= ARGV[3] then return 0 end
redis.call('HDEL', endpoint(ARGV[2]), 'disabledAt', 'disabledReason', 'failingSince', 'pausedUntil')
plan(ARGV[2])
return 1`;

/**
 * Adds a delivery, unless it is there or the endpoint is gone or disabled. Where too many wait it is logged as failed.
 * ARGV: prefix, endpoint, id, milliseconds, most that may wait, then field and value pairs.
 */
export const ADD_DELIVERY = `${NAMES}${PLAN}${SETTLE}
local hook, id, now = ARGV[2], ARGV[3], tonumber(ARGV[4])
if redis.call('EXISTS', endpoint(hook)) == 0 or redis.call('HEXISTS', endpoint(hook), 'disabledAt') == 1 then return 0 end
if redis.call('EXISTS', delivery(id)) == 1 then return 0 end
redis.call('HSET', delivery(id), unpack(ARGV, 6))
local last = redis.call('ZREVRANGE', log(hook), 0, 0, 'WITHSCORES')
redis.call('ZADD', log(hook), tonumber(last[2] or '0') + 1, id)
if redis.call('ZCARD', waiting(hook)) >= tonumber(ARGV[5]) then
  redis.call('HSET', delivery(id), 'state', '"failed"')
  redis.call('HDEL', delivery(id), 'nextAttemptAt')
  settle(hook, id, now)
else
  redis.call('ZADD', waiting(hook), now, id)
  plan(hook)
end
return 1`;

/**
 * Takes what is due, at most one of each endpoint, so that all get their turn, and puts it back in line for the end of the
 * lease. ARGV: prefix, milliseconds, milliseconds of the end of the lease, claim, most, endpoints to pass over as JSON.
 * Answers endpoint, delivery, endpoint, ...
 */
export const CLAIM_DELIVERIES = `${NAMES}${PLAN}
local busy, found = cjson.decode(ARGV[6]), {}
local skip = {}
for _, hook in ipairs(busy) do skip[hook] = true end
for _, hook in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', ARGV[2], 'LIMIT', 0, #busy + tonumber(ARGV[5]))) do
  if not skip[hook] and #found < 2 * tonumber(ARGV[5]) then
    local id = redis.call('ZRANGEBYSCORE', waiting(hook), '-inf', ARGV[2], 'LIMIT', 0, 1)[1]
    if id then
      redis.call('ZADD', waiting(hook), ARGV[3], id)
      redis.call('HSET', delivery(id), 'claim', cjson.encode(ARGV[4]))
      table.insert(found, hook)
      table.insert(found, id)
    end
    plan(hook)
  end
end
return found`;

/**
 * Writes what came of an attempt, unless the claim was lost or the delivery deleted. ARGV: prefix, endpoint, id, claim as a
 * JSON text, milliseconds, milliseconds of the next attempt or '', milliseconds until which the endpoint wants no more or
 * '', what it means for the endpoint ('well', 'failing', or a JSON text: the reason for which it is disabled), time as a
 * JSON text, then field and value pairs of the delivery.
 */
export const FINISH_ATTEMPT = `${NAMES}${PLAN}${SETTLE}
local hook, id, now, health = ARGV[2], ARGV[3], tonumber(ARGV[5]), ARGV[8]
if redis.call('HGET', delivery(id), 'claim') ~= ARGV[4] then return 0 end
redis.call('HDEL', delivery(id), 'claim', 'nextAttemptAt')
redis.call('HSET', delivery(id), unpack(ARGV, 10))
if ARGV[6] == '' then settle(hook, id, now) else redis.call('ZADD', waiting(hook), ARGV[6], id) end
if ARGV[7] ~= '' then redis.call('HSET', endpoint(hook), 'pausedUntil', ARGV[7]) end
if health == 'well' then redis.call('HDEL', endpoint(hook), 'failingSince')
else
  redis.call('HSETNX', endpoint(hook), 'failingSince', ARGV[9])
  if health ~= 'failing' then redis.call('HSET', endpoint(hook), 'disabledAt', ARGV[9], 'disabledReason', health) end
end
plan(hook)
return 1`;

/**
 * Has a delivery sent once more, from the first attempt of the schedule on; one that is being sent stays as it is. ARGV:
 * prefix, endpoint, id, milliseconds, time as a JSON text. 0: it is not (or no longer) there.
 */
export const REDELIVER = `${NAMES}${PLAN}
local hook, id = ARGV[2], ARGV[3]
if redis.call('HGET', delivery(id), 'webhook') ~= cjson.encode(hook) then return 0 end
if redis.call('HEXISTS', delivery(id), 'claim') == 1 then return 1 end
redis.call('HSET', delivery(id), 'state', '"pending"', 'tries', 0, 'nextAttemptAt', ARGV[5])
redis.call('HDEL', delivery(id), 'finishedAt')
redis.call('PERSIST', delivery(id))
redis.call('ZREM', done(hook), id)
redis.call('ZADD', waiting(hook), ARGV[4], id)
plan(hook)
return 1`;
