/**
 * Connections that end on the internet, whatever a name resolves to. The address is looked at where it is used, between the
 * look-up and the connection: a name that answers differently the second time (DNS rebinding) gains nothing.
 */
import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { isPublicAddress } from './public-address.js';

/** An address that is not on the internet was about to be connected to. */
export class AddressNotAllowed extends Error {
  constructor() {
    super('The address is not allowed.');
    this.name = 'AddressNotAllowed';
  }
}

export type LookupAll = (
  hostname: string,
  options: LookupOptions & { all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface SafeAgentOptions {
  allowPrivate: boolean;
  connectTimeoutMs: number;
  lookup?: LookupAll;
}

/** An agent that keeps no connection: each request looks its host up anew. */
export function safeAgent({ allowPrivate, connectTimeoutMs, lookup }: SafeAgentOptions): Agent {
  const isAllowed = (address: string): boolean => allowPrivate || isPublicAddress(address);
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    lookup: guarded(lookup ?? systemLookup, isAllowed),
  });
  return new Agent({
    pipelining: 0,
    connect: (options, done) => {
      const host = options.hostname.replace(/^\[|\]$/g, '');
      // Addresses are connected to without a look-up.
      if (isIP(host) !== 0 && !isAllowed(host)) return done(new AddressNotAllowed(), null);
      connect(options, done);
    },
  });
}

/** One address of several that is not allowed spoils them all: a name on the internet has no reason to mix them. */
const guarded =
  (lookup: LookupAll, isAllowed: (address: string) => boolean): LookupFunction =>
  (hostname, options, done) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, []);
      const [first] = addresses;
      if (!first || !addresses.every(({ address }) => isAllowed(address)))
        return done(new AddressNotAllowed(), []);
      if (options.all) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
