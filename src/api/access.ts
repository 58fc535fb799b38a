/**
 * Who is calling. With keys each request bears one (`Authorization: Bearer lm_...`) and acts for its tenant, or bears the
 * signature of one URL. Without keys, which is allowed on a loopback address only, everybody is the default tenant.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Config } from '../config.js';
import { DEFAULT_TENANT } from '../contracts.js';
import { AppError } from '../errors.js';
import { isLoopback } from '../setting-values.js';
import type { ApiKeys } from '../store/api-keys.js';
import { SIGNATURE_PARAMETERS, type UrlSignatures } from '../store/url-signatures.js';

export interface Caller {
  tenant: string;
  /** Id of the key; none in open mode. */
  key: string | undefined;
  admin: boolean;
  /** Requests a minute that this key may make; 0: no limit. */
  ratePerMinute: number;
  /** Device seconds a day; undefined: as configured. */
  deviceSecondsPerDay?: number | undefined;
}

/** What a route asks of its callers. `signed`: a key, or a signed URL. */
export type Access = 'public' | 'key' | 'signed' | 'admin';

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
  }
  interface FastifyContextConfig {
    /** `key` when left out. */
    access?: Access;
    /** A page for browsers, which can ask for a password: there the key comes as that of HTTP Basic, whatever the name. */
    isPage?: boolean;
  }
}

export interface AccessDeps {
  config: Pick<Config, 'auth' | 'ratePerMinute' | 'corsOrigins'>;
  apiKeys: ApiKeys;
  urlSignatures: UrlSignatures;
  now: () => Date;
}

const NOBODY: Caller = Object.freeze({ tenant: '', key: undefined, admin: false, ratePerMinute: 0 });
const EVERYBODY: Caller = Object.freeze({
  tenant: DEFAULT_TENANT,
  key: undefined,
  admin: true,
  ratePerMinute: 0,
});

/** Decides about every request before anything of its body is read. */
export function guard(app: FastifyInstance, deps: AccessDeps): void {
  const isOpen = deps.config.auth === 'open';
  app.decorateRequest('caller');
  app.addHook('onRequest', async (request) => {
    request.caller = NOBODY;
    if (isOpen) refuseStrangers(request, deps.config.corsOrigins);
    const access = request.routeOptions.config.access ?? 'key';
    if (request.is404 || access === 'public') return;
    request.caller = await callerOf(request, access, deps, isOpen);
    if (access === 'admin' && !request.caller.admin)
      throw new AppError('FORBIDDEN', {
        detail: 'Received a key of a tenant; expected one that was made with --admin.',
      });
  });
}

async function callerOf(
  request: FastifyRequest,
  access: Access,
  deps: AccessDeps,
  isOpen: boolean,
): Promise<Caller> {
  const query = request.query as Record<string, unknown>;
  if (access === 'signed' && query.signature !== undefined) return signer(request, query, deps, isOpen);
  return isOpen ? EVERYBODY : bearer(request, deps);
}

async function bearer(request: FastifyRequest, { apiKeys, config }: AccessDeps): Promise<Caller> {
  const header = request.headers.authorization;
  if (!header)
    throw new AppError('UNAUTHORIZED', {
      detail: 'Received no key; expected the header `Authorization: Bearer lm_...`.',
    });
  const token = tokenOf(header, request.routeOptions.config.isPage ?? false);
  const key = token ? await apiKeys.verify(token) : undefined;
  if (!key)
    throw new AppError('UNAUTHORIZED', {
      detail:
        'Received a key that is unknown or was revoked; expected a valid one: `Authorization: Bearer lm_...`.',
    });
  const { tenant, id, admin, ratePerMinute = config.ratePerMinute, deviceSecondsPerDay } = key;
  return { tenant, key: id, admin, ratePerMinute, deviceSecondsPerDay };
}

function tokenOf(header: string, isPage: boolean): string | undefined {
  const [, scheme, value] = /^(Bearer|Basic) +(\S+)$/i.exec(header) ?? [];
  if (scheme?.toLowerCase() !== 'basic') return value;
  return isPage ? Buffer.from(value!, 'base64').toString().split(':')[1] : undefined;
}

/** Acts for the tenant of whoever signed the URL, and leaves the route only the parameters that are its own. */
async function signer(
  request: FastifyRequest,
  query: Record<string, unknown>,
  { apiKeys, urlSignatures, config, now }: AccessDeps,
  isOpen: boolean,
): Promise<Caller> {
  const invalid = (): AppError =>
    new AppError('SIGNATURE_INVALID', {
      detail:
        'The signature is not that of this URL; ask POST /signed-urls for one and change nothing of it.',
    });
  const { expires, key: id } = query;
  if (!(await urlSignatures.verify(request.url))) throw invalid();
  // Signed by us, so that both are what we wrote.
  const until = new Date(Number(expires) * 1000);
  if (!(until > now()))
    throw new AppError('SIGNATURE_EXPIRED', {
      detail: `The URL was valid until ${until.toISOString()}; ask POST /signed-urls for a new one.`,
    });
  for (const name of SIGNATURE_PARAMETERS) delete query[name];
  if (id === undefined) {
    if (!isOpen) throw invalid();
    return EVERYBODY;
  }
  const key = await apiKeys.byId(String(id));
  if (!key) throw invalid();
  return { tenant: key.tenant, key: key.id, admin: false, ratePerMinute: config.ratePerMinute };
}

/**
 * In open mode a page in the browser of this machine's user must not act as that user: neither under a name that was
 * rebound to this address nor from another origin.
 */
function refuseStrangers({ headers, host }: FastifyRequest, corsOrigins: readonly string[]): void {
  if (!isLoopback(hostnameOf(`http://${host}`)))
    throw new AppError('FORBIDDEN', {
      detail:
        'Without keys the service answers under localhost only; to serve others set LATENTMORPH_AUTH=keys.',
    });
  const { origin } = headers;
  if (origin === undefined || corsOrigins.includes(origin) || isLoopback(hostnameOf(origin))) return;
  throw new AppError('FORBIDDEN', {
    detail: 'Received a request of a page from elsewhere; allow its origin with LATENTMORPH_CORS_ORIGINS.',
  });
}

const hostnameOf = (url: string): string => (URL.canParse(url) ? new URL(url).hostname : '');
