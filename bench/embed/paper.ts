/**
 * The paper's protocol on one photo: from the average latent, Adam on W at a constant rate of 0.01, every step judged at
 * the full side. A thousand steps take long, so the curve is kept under the cache and goes on where it was cut off. It
 * depends on photo and weights alone; its time does not, and is measured anew in every run of the bench.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Projector } from '../../src/engine/project.js';
import type { ModelManifest } from '../../src/models/manifest.js';
import { PAPER_STEPS, Run, type RunState, startState } from '../engine.js';
import { bytesOf, floats } from '../floats.js';
import type { AlignedPhoto } from '../photos.js';
import type { Judgement } from './judge.js';

/** The paper's constant learning rate. */
export const PAPER_RATE = 0.01;
/** Steps between two judged points, after each of which the run can be taken up again. */
export const PAPER_CHUNK = 20;

const Stored = Type.Object({
  marks: Type.Array(Type.Object({ step: Type.Integer(), loss: Type.Number(), lpips: Type.Number() })),
  /** Latent and moments, base64 of float32. */
  state: Type.Object({ latent: Type.String(), m: Type.String(), v: Type.String(), step: Type.Integer() }),
});
export type PaperMark = Static<typeof Stored>['marks'][number];

export interface PaperCurve {
  /** Every 20 steps, the last one at the end. */
  marks: PaperMark[];
  /** Steps that came from the cache. */
  cachedSteps: number;
}

export interface PaperRun {
  projector: Pick<Projector, 'run'>;
  judgement: Judgement;
  photo: AlignedPhoto;
  manifest: ModelManifest;
  /** A multiple of `PAPER_CHUNK`. */
  steps: number;
  /** Where curves are kept. */
  folder: string;
  onChunk: (note: string) => void;
}

/** The average latent for every style: where the paper's projections start. */
export const averageStart = ({ averageLatent, generator }: ModelManifest): RunState =>
  startState(Float32Array.from(Array.from({ length: generator.styles }, () => averageLatent).flat()));

/** The curve up to `steps`: what the cache holds of it, and the rest computed. */
export async function paperCurve(options: PaperRun): Promise<PaperCurve> {
  const { projector, judgement, photo, manifest, steps, folder, onChunk } = options;
  const path = join(folder, `${photo.id}-${keyOf(photo, manifest)}.json`);
  const stored = await readStored(path);
  const marks = stored?.marks ?? [];
  const cachedSteps = Math.min(steps, stored?.state.step ?? 0);
  const run = new Run(projector, photo.target, PAPER_STEPS, stored?.state ?? averageStart(manifest));
  while (run.state.step < steps) {
    await run.steps(new Array<number>(PAPER_CHUNK).fill(PAPER_RATE));
    const { loss, lpips } = await judgement(run.state.latent);
    if (!Number.isFinite(loss) || !Number.isFinite(lpips))
      throw new Error(`The paper's run on ${photo.id} diverged at step ${run.state.step}`);
    marks.push({ step: run.state.step, loss, lpips });
    await writeStored(path, marks, run.state);
    onChunk(`${photo.id}, the paper's step ${run.state.step}: LPIPS ${lpips.toFixed(3)}`);
  }
  return { marks: marks.filter(({ step }) => step <= steps), cachedSteps };
}

function keyOf({ target }: AlignedPhoto, { generator, files }: ModelManifest): string {
  const weights = [generator.hash, files['vgg16.onnx']!.sha256, files['lpips.onnx']!.sha256];
  return createHash('sha256')
    .update(JSON.stringify([PAPER_RATE, PAPER_CHUNK, ...weights]))
    .update(bytesOf(target))
    .digest('hex')
    .slice(0, 12);
}

async function readStored(path: string): Promise<{ marks: PaperMark[]; state: RunState } | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const value: unknown = JSON.parse(text);
  if (!Value.Check(Stored, value)) throw new Error(`${path} is no stored run: delete it`);
  const { latent, m, v, step } = value.state;
  const unpacked = (packed: string) => floats(Buffer.from(packed, 'base64'));
  return { marks: value.marks, state: { latent: unpacked(latent), m: unpacked(m), v: unpacked(v), step } };
}

/** Renames a finished file into place, so that a run cut off here loses a chunk and nothing else. */
async function writeStored(
  path: string,
  marks: PaperMark[],
  { latent, m, v, step }: RunState,
): Promise<void> {
  const packed = (data: Float32Array) => Buffer.from(bytesOf(data)).toString('base64');
  const stored: Static<typeof Stored> = {
    marks,
    state: { latent: packed(latent), m: packed(m), v: packed(v), step },
  };
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}.partial`;
  await writeFile(partial, JSON.stringify(stored));
  await rename(partial, path);
}
