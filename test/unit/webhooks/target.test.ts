import { expect, test } from 'vitest';
import { isPublicAddress } from '../../../src/webhooks/public-address.js';
import { refusalOf } from '../../../src/webhooks/target.js';

const LOCAL = [
  'https://127.0.0.1/',
  'https://127.1/',
  'https://2130706433/',
  'https://0x7f.1/',
  'https://0x7f000001/',
  'https://0177.0.0.1/',
  'https://127.0.0.1./',
  'https://%31%32%37.0.0.1/',
  'https://①②⑦.0.0.1/',
  'https://[::1]/',
  'https://[::]/',
  'https://[::ffff:7f00:1]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::127.0.0.1]/',
  'https://[64:ff9b::a00:1]/',
  'https://[64:ff9b:1::a00:1]/',
  'https://[2002:7f00:1::]/',
  'https://[2001:0:4136:e378::1]/',
  'https://[fe80::1]/',
  'https://[fd12::1]/',
  'https://[fec0::1]/',
  'https://[ff02::1]/',
  'https://0.0.0.0/',
  'https://10.0.0.1/',
  'https://172.16.3.4/',
  'https://192.168.1.1/',
  'https://169.254.169.254/latest/meta-data',
  'https://100.64.0.1/',
  'https://198.18.0.1/',
  'https://192.0.2.1/',
  'https://224.0.0.1/',
  'https://255.255.255.255/',
  'https://localhost/',
  'https://LOCALHOST./',
  'https://api.localhost/',
  'https://redis/',
  'https://metadata.google.internal/',
  'https://printer.local/',
];

test.each(LOCAL)('refuses %s, whose host is not on the internet, unless that is allowed', (url) => {
  expect(refusalOf(url, { allowPrivate: false })).toContain('Expected a host on the internet');
  expect(refusalOf(url, { allowPrivate: true })).toBeUndefined();
});

test.each([
  ['http://example.com/', 'https://'],
  ['ftp://example.com/', 'https://'],
  ['file:///etc/passwd', 'https://'],
  ['data:text/plain,x', 'https://'],
  ['https://user:pass@example.com/', 'user name'],
  ['https://user@example.com/', 'user name'],
  ['https://example.com/#part', 'fragment'],
  ['//example.com', 'absolute'],
  ['example.com', 'absolute'],
  ['https://', 'absolute'],
  ['https://300.1.1.1/', 'absolute'],
  [`https://example.com/${'x'.repeat(2_100)}`, '2048'],
])('refuses %s', (url, why) => {
  expect(refusalOf(url, { allowPrivate: false })).toContain(why);
});

test.each(['ftp://example.com/', 'https://user:pass@example.com/', 'gopher://10.0.0.1/'])(
  'refuses %s even where private addresses are allowed',
  (url) => {
    expect(refusalOf(url, { allowPrivate: true })).toContain('Expected');
  },
);

test.each([
  'https://example.com/hooks?x=1',
  'https://example.com:8443/',
  'https://8.8.8.8/',
  'https://[2606:4700::1111]/',
])('takes %s', (url) => {
  expect(refusalOf(url, { allowPrivate: false })).toBeUndefined();
});

test.each(['', 'localhost', '127.0.0.1', 'fe80::1%eth0', '::ffff:8.8.8.8', '1.2.3.4.5'])(
  '%j is no address on the internet',
  (text) => {
    expect(isPublicAddress(text)).toBe(false);
  },
);
