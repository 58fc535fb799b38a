/** Texts of settings and what they mean: each reader gives undefined for a text that it cannot read. */
import { isIP } from 'node:net';

/** `s3://BUCKET` or `s3://BUCKET/PREFIX`; the prefix that is returned is empty or ends in a slash. */
export function s3Url(text: string): { bucket: string; prefix: string } | undefined {
  const [, bucket, path] =
    /^s3:\/\/([a-z\d][a-z\d.-]{1,61}[a-z\d])((?:\/[\w-][\w.-]*)*)\/?$/.exec(text) ?? [];
  return bucket === undefined ? undefined : { bucket, prefix: path ? `${path.slice(1)}/` : '' };
}

/** An integer of the range, written in digits. */
export const integer =
  (min: number, max: number) =>
  (text: string): number | undefined => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  };

export const oneOf =
  <T extends string>(values: readonly T[]) =>
  (text: string): T | undefined =>
    values.find((value) => value === text);

/** Each value once; undefined where one is unknown. */
export const listOf =
  <T extends string>(values: readonly T[]) =>
  (text: string): readonly T[] | undefined => {
    const items = text.split(',').map((item) => oneOf(values)(item.trim()));
    return items.every((item) => item !== undefined) ? [...new Set(items)] : undefined;
  };

/** Whether only this machine can reach the name or address. */
export function isLoopback(name: string): boolean {
  const bare = name.replace(/^\[|\]$/g, '').toLowerCase();
  if (isIP(bare) === 4) return bare.startsWith('127.');
  return bare === '::1' || bare === 'localhost' || bare.endsWith('.localhost');
}

/** Origins of pages, separated by commas. */
export function origins(text: string): readonly string[] | undefined {
  const items = text.split(',').map((item) => item.trim());
  const isOrigin = (item: string): boolean => URL.canParse(item) && new URL(item).origin === item;
  return items.every(isOrigin) ? items : undefined;
}

const url =
  (...protocols: string[]) =>
  (text: string): string | undefined =>
    URL.canParse(text) && protocols.includes(new URL(text).protocol) ? text : undefined;
export const redisUrl = url('redis:', 'rediss:');
export const httpUrl = url('http:', 'https:');
