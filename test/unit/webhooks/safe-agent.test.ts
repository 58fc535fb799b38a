import type { LookupAddress } from 'node:dns';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { post } from '../../../src/webhooks/post.js';
import { type LookupAll, safeAgent } from '../../../src/webhooks/safe-agent.js';
import { type Receiver, startReceiver } from '../../support/webhook-receiver.js';

let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

const v4 = (address: string): LookupAddress => ({ address, family: 4 });
/** Global unicast in form, and assigned to nobody: connecting to it ends at once or never. */
const NOWHERE: LookupAddress = { address: '3000::1', family: 6 };

/** Answers the n-th look-up with the n-th list, and goes on with the last. */
function names(...answers: LookupAddress[][]): { lookup: LookupAll; asked: string[] } {
  const asked: string[] = [];
  const lookup: LookupAll = (hostname, _options, done) => {
    asked.push(hostname);
    done(null, answers[Math.min(asked.length, answers.length) - 1]!);
  };
  return { lookup, asked };
}

const agent = (lookup?: LookupAll, allowPrivate = false) =>
  safeAgent({ allowPrivate, connectTimeoutMs: 300, ...(lookup && { lookup }) });
const send = (url: string, dispatcher: ReturnType<typeof agent>) =>
  post({ dispatcher, timeoutMs: 2_000 }, url, { 'content-type': 'application/json' }, '{}');

test('a name that leads to the internet first and to this machine then is refused', async () => {
  const { lookup, asked } = names([NOWHERE], [v4('127.0.0.1')]);
  const dispatcher = agent(lookup);
  const url = `http://rebound.example:${receiver.port}/`;
  const { failure } = await send(url, dispatcher);
  expect(['timed-out', 'connection-failed']).toContain(failure);
  expect(await send(url, dispatcher)).toEqual({ failure: 'address-not-allowed' });
  expect(asked).toHaveLength(2);
  expect(receiver.received).toEqual([]);
});

test.each([
  ['one of several', [NOWHERE, v4('127.0.0.1')]],
  ['an IPv4 address in an IPv6 one', [{ address: '::ffff:127.0.0.1', family: 6 }]],
  ['the metadata of a cloud', [v4('169.254.169.254')]],
  ['none at all', []],
])('a name is refused for %s', async (_, addresses) => {
  const { lookup } = names(addresses);
  const answer = await send(`http://name.example:${receiver.port}/`, agent(lookup));
  expect(answer).toEqual({ failure: 'address-not-allowed' });
  expect(receiver.received).toEqual([]);
});

test.each(['127.0.0.1', '2130706433', '[::ffff:7f00:1]'])(
  'the address %s is refused without a look-up',
  async (host) => {
    const { lookup, asked } = names([NOWHERE]);
    const answer = await send(`http://${host}:${receiver.port}/`, agent(lookup));
    expect(answer).toEqual({ failure: 'address-not-allowed' });
    expect([asked, receiver.received]).toEqual([[], []]);
  },
);

test('a redirect to this machine is not followed by a guarded agent either', async () => {
  const target = await startReceiver();
  receiver.answer((response) => void response.writeHead(307, { location: target.url }).end());
  expect(await send(receiver.url, agent(undefined, true))).toMatchObject({
    status: 307,
    failure: 'redirect',
  });
  expect(target.received).toEqual([]);
  await target.close();
});

test('where private addresses are allowed they are reached, each request by a look-up and connection of its own', async () => {
  const { lookup, asked } = names([v4('127.0.0.1')]);
  const dispatcher = agent(lookup, true);
  for (let i = 0; i < 2; i++)
    expect(await send(`http://name.example:${receiver.port}/`, dispatcher)).toEqual({ status: 204 });
  expect(asked).toHaveLength(2);
  expect(receiver.received.map(({ headers }) => headers.connection)).toEqual(['close', 'close']);
});

test('a name that does not exist is told as that', async () => {
  const lookup: LookupAll = (_hostname, _options, done) =>
    done(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), []);
  expect(await send('https://missing.example/', agent(lookup))).toEqual({ failure: 'name-not-found' });
});

test('a server that speaks no TLS is told as that', async () => {
  const answer = await send(receiver.url.replace('http:', 'https:'), agent(undefined, true));
  expect(answer).toEqual({ failure: 'tls-failed' });
});
