/** Refuses new embeddings of a tenant whose devices have worked long enough today. */
import type { Config } from '../config.js';
import { AppError } from '../errors.js';
import type { Usage } from '../store/usage.js';
import type { Caller } from './access.js';

export interface QuotaDeps {
  config: Pick<Config, 'deviceSecondsPerDay'>;
  usage: Usage;
  now: () => Date;
}

/** What runs already is finished, and counts. Throws QUOTA_EXCEEDED. */
export async function checkQuota({ config, usage, now }: QuotaDeps, caller: Caller): Promise<void> {
  const { tenant, deviceSecondsPerDay: allowed = config.deviceSecondsPerDay } = caller;
  if (allowed === 0) return;
  const at = now();
  const used = await usage.ofDay(tenant, at);
  if (used < allowed) return;
  const midnight = Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate() + 1);
  throw new AppError('QUOTA_EXCEEDED', {
    detail: `${Math.round(used)} device seconds are used up of the ${allowed} of this day; the next one begins at midnight UTC.`,
    extra: { used: Math.round(used), allowed },
    retryAfter: Math.ceil((midnight - at.getTime()) / 1000),
  });
}
