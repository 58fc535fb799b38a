/** Which URLs an endpoint may have. What a name resolves to is looked at when it is connected to: see safe-agent.ts. */
import { isIP } from 'node:net';
import { isPublicAddress } from './public-address.js';

export const MAX_URL_LENGTH = 2_048;

/** Names that mean this machine or network wherever they are asked for (RFC 6761, RFC 6762, RFC 8375, RFC 9476). */
const LOCAL_NAME = /(^|\.)(localhost|local|internal|home\.arpa|localdomain)$/;

/** Why nothing is sent to this URL, as one sentence for its owner; undefined when it is. */
export function refusalOf(text: string, { allowPrivate }: { allowPrivate: boolean }): string | undefined {
  if (text.length > MAX_URL_LENGTH) return `Expected at most ${MAX_URL_LENGTH} characters.`;
  if (!URL.canParse(text)) return 'Expected an absolute URL such as https://example.com/hooks.';
  const url = new URL(text);
  const protocols = allowPrivate ? ['https:', 'http:'] : ['https:'];
  if (!protocols.includes(url.protocol))
    return `Expected ${protocols.map((name) => `${name}//`).join(' or ')}, but received ${url.protocol}`;
  if (url.username !== '' || url.password !== '')
    return 'Expected a URL without user name and password: requests are known by their signature.';
  if (url.hash !== '') return 'Expected a URL without a fragment, which is never sent.';
  if (!allowPrivate && !isPublicHost(hostOf(url)))
    return 'Expected a host on the internet, not a private or local address; for development set LATENTMORPH_WEBHOOK_PRIVATE=allow.';
  return undefined;
}

/** The URL parser has turned every way to write an IPv4 address (2130706433, 0x7f.1) into the usual one. */
export function isPublicHost(host: string): boolean {
  if (isIP(host) !== 0) return isPublicAddress(host);
  const name = host.toLowerCase().replace(/\.$/, '');
  return name.includes('.') && !LOCAL_NAME.test(name);
}

/** Host name or address, the latter without the brackets of IPv6. */
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '');
