/** What the doctor reports. */
import type { Config, Env } from '../../config.js';

export interface Finding {
  /** What was looked at. */
  check: string;
  /** `warning`: the service runs, but not as well as it could. */
  state: 'ok' | 'warning' | 'failed';
  /** One sentence or phrase. */
  found: string;
  /** What to do about it; none where all is well. */
  advice?: string;
}

/** What a check may look at. */
export interface Surroundings {
  config: Config;
  /** Undefined: that of this process. */
  env: Env | undefined;
}

export const ok = (check: string, found: string): Finding => ({ check, state: 'ok', found });
export const warning = (check: string, found: string, advice: string): Finding => ({
  check,
  state: 'warning',
  found,
  advice,
});
export const failed = (check: string, found: string, advice: string): Finding => ({
  check,
  state: 'failed',
  found,
  advice,
});
