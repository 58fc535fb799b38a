/** Which addresses are somewhere on the internet, and not in our own network or machine. */
import ipaddr from 'ipaddr.js';

/** RFC 4291: all global unicast addresses that were ever given out. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Whether an IPv4 or IPv6 address is global unicast: not loopback, private, link-local, shared (CGNAT), multicast, reserved
 * or documentation, and no IPv6 form that a gateway turns into an IPv4 address (mapped, compatible, 6to4, Teredo, NAT64).
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.parse(text);
  if (address.range() !== 'unicast') return false;
  return address.kind() === 'ipv4' || address.match(GLOBAL_UNICAST);
}
