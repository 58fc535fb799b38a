/** What every blob store refuses and answers alike. */
import { AppError } from '../errors.js';

const KEY = /^[A-Za-z0-9_-][\w.-]*(\/[A-Za-z0-9_-][\w.-]*)*$/;

/** The key, of plain path segments; anything else is a mistake of ours. */
export function checkedKey(key: string): string {
  if (!KEY.test(key)) throw new Error(`Expected a blob key of plain path segments but received '${key}'`);
  return key;
}

/** The folder without its closing slash, which a prefix must have. */
export function folderOf(prefix: string): string {
  if (!prefix.endsWith('/')) throw new Error(`Expected a prefix that ends in '/' but received '${prefix}'`);
  return prefix.slice(0, -1);
}

/** Throws what a client may see of a failure; the log gets the cause. */
export function outOfReach(cause: unknown): never {
  if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT'))
    throw new AppError('STORAGE_LOW', { detail: 'The disk is full.', cause });
  throw new AppError('UNAVAILABLE', { detail: 'The blob store is out of reach; try again.', cause });
}
