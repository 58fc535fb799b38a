/** Morphs between embedded photos: who is seen along the way, and what becomes of latent and colours. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { MorphMode } from '../../src/contracts.js';
import { descriptorDistance } from '../../src/models/face/identity.js';
import { CACHE } from '../workspace.js';
import { type QualityJudge, saturation } from './judge.js';
import type { Embedded } from './photo.js';

/** Lambdas 0, 0.1 .. 1: at 0 the morph is b, at 1 it is a. */
export const LAMBDAS = Array.from({ length: 11 }, (_, i) => i / 10);
/** Raise when pairs are measured in another way. */
const REVISION = 1;

const Row = Type.Array(Type.Number(), { minItems: LAMBDAS.length, maxItems: LAMBDAS.length });

export const PairResult = Type.Object({
  a: Type.String(),
  b: Type.String(),
  mode: Type.String(),
  ppl: Type.Number(),
  /** Descriptor distances of the morph to the photos, and to the reconstructions, at each lambda. */
  toA: Row,
  toB: Row,
  toMadeA: Row,
  toMadeB: Row,
  /** Largest P_N norm of a style at each lambda. */
  pn: Row,
  /** Share of the channel values beyond black and white at each lambda. */
  saturation: Row,
});
export type PairResult = Static<typeof PairResult>;

/** `count` pairs of n: neighbours in the list first, round to its beginning, then those two apart, and so on. */
export function pairsOf(n: number, count: number): [number, number][] {
  const pairs: [number, number][] = [];
  for (let gap = 1; gap <= Math.floor(n / 2); gap++) {
    // Two opposite photos of an even number meet twice.
    const starts = gap === n / 2 ? gap : n;
    for (let i = 0; i < starts; i++) pairs.push([i, (i + gap) % n]);
  }
  return pairs.slice(0, count);
}

/** Whether the distance to a never rises and that to b never falls as lambda grows. */
export const isMonotone = (toA: readonly number[], toB: readonly number[]): boolean =>
  neverFalls(toA.toReversed()) && neverFalls(toB);

/**
 * Whether the morph comes ever nearer to a than to b as lambda grows: d_a / (d_a + d_b) never rises. Distances between the
 * descriptors of different people say little by themselves: beyond 0.6 they wander.
 */
export const comesNearer = (toA: readonly number[], toB: readonly number[]): boolean =>
  neverFalls(toA.map((d, i) => d / (d + toB[i]!)).toReversed());

const neverFalls = (values: readonly number[]): boolean =>
  values.every((value, i) => i === 0 || value >= values[i - 1]!);

/** The kept result, or a new one. */
export async function measuredPair(
  judge: QualityJudge,
  a: Embedded,
  b: Embedded,
  mode: MorphMode,
): Promise<PairResult> {
  const name = `${a.result.id}-${b.result.id}-${mode}-${a.key.slice(0, 8)}${b.key.slice(0, 8)}-${REVISION}`;
  const path = join(CACHE, 'quality/pairs', `${name}.json`);
  const kept = await read(path);
  if (kept) return kept;
  const result = await measure(judge, a, b, mode);
  await mkdir(join(CACHE, 'quality/pairs'), { recursive: true });
  const partial = `${path}.${process.pid}.partial`;
  await writeFile(partial, JSON.stringify(result));
  await rename(partial, path);
  return result;
}

async function measure(judge: QualityJudge, a: Embedded, b: Embedded, mode: MorphMode): Promise<PairResult> {
  const ends = await Promise.all(
    [a, b, a, b].map(({ aligned, reconstruction }, i) => judge.describe(i < 2 ? aligned : reconstruction)),
  );
  const rows = { to: ends.map(() => [] as number[]), pn: [] as number[], saturation: [] as number[] };
  for (const lambda of LAMBDAS) {
    const latent = judge.morph(a.latent, b.latent, mode, lambda);
    const image = await judge.render(latent);
    const seen = await judge.describe(image);
    for (const [i, end] of ends.entries()) rows.to[i]!.push(descriptorDistance(seen, end));
    rows.pn.push((await judge.pn(latent)).max);
    rows.saturation.push(saturation(image));
  }
  const [toA, toB, toMadeA, toMadeB] = rows.to as [number[], number[], number[], number[]];
  return {
    a: a.result.id,
    b: b.result.id,
    mode,
    ppl: await judge.pathLength(a.latent, b.latent, mode),
    toA,
    toB,
    toMadeA,
    toMadeB,
    pn: rows.pn,
    saturation: rows.saturation,
  };
}

async function read(path: string): Promise<PairResult | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const value: unknown = JSON.parse(text);
  return Value.Check(PairResult, value) ? value : undefined;
}
