/** `npm run fit:regions`: measures which styles and places of the generator make which part of a face; writes assets/regions.* and docs/regions.jpg. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { integerOption } from '../bench/arguments.js';
import { progress } from '../bench/progress.js';
import { CACHE, MODELS_DIR, models, ROOT } from '../bench/workspace.js';
import { REGION_PARTS, type RegionPart } from '../src/contracts.js';
import { openSession } from '../src/engine/session.js';
import { assetsFolder } from '../src/models/encoder/weights.js';
import { mirrorOf } from '../src/models/face/landmarks.js';
import {
  PART_SIZE,
  packMap,
  type RegionMap,
  type RegionsInfo,
  unpackMap,
} from '../src/models/regions/map.js';
import { regionMask } from '../src/models/regions/mask.js';
import { faceOf } from './landmark-regions.js';
import { type MixRow, regionFigure } from './region-figure.js';
import { regionMap, styleGroups } from './region-map.js';
import { Change, footprint, Mixer, type Pair } from './region-mixes.js';
import { type StyleEffects, styleEffects } from './style-effects.js';
import { drawSwaps, type Look, pairLatents, readSwaps } from './swaps.js';

const USAGE = `Usage: npm run fit:regions [-- OPTIONS]

  --pairs N      pairs of the generator's faces (default 32); kept in .cache/bench/regions
  --trials N     other pairs on which every style of a part is tried alone (default 8)
  --unseen N     yet others on which the map is tried (default 8); the first three are shown in the figure
  --seed N       seed of their latents (default 1)
  --threads N    threads (default 2)`;

const SHOWN = 3;
/** A style stays with a part that it changes this many times as much as everything else. */
const LOCALITY = 1.6;
/** Ratios beyond are all as good. */
const LOCAL_ENOUGH = 100;

interface Options {
  pairs: number;
  trials: number;
  unseen: number;
  seed: number;
  threads: number;
}

async function main({ pairs, trials, unseen, seed, threads }: Options): Promise<void> {
  const { generator } = await models();
  const { styles, styleDim: dim, hash } = generator;
  const folder = join(CACHE, 'regions', `${hash.slice(0, 12)}-${seed}`);
  const bar = progress('pairs', pairs);
  await drawSwaps(folder, { count: pairs, seed, threads, styles, dim }, (index) => bar.tick(`pair ${index}`));
  bar.stop();

  const looks = await Promise.all(Array.from({ length: pairs }, (_, index) => readSwaps(folder, index)));
  const effects = styleEffects(looks);
  const bases = looks.map(([base]) => base!).filter(({ landmarks }) => !Number.isNaN(landmarks[0]!));
  const faces = bases.flatMap(({ landmarks }) => [faceOf(landmarks), faceOf(mirrored(landmarks))]);
  const wide = regionMap(faces, styleGroups(effects), styles);
  const generatorOf = { seed, threads, styles, dim };
  const locality = await tryStyles(wide, { from: pairs, count: trials, ...generatorOf });
  const file = packMap(narrowed(wide, locality, styles));
  // As it will be when it is read back.
  const parts = [...REGION_PARTS];
  const map = unpackMap(file, parts);

  const { measured, rows } = await tryOut(map, { from: pairs + trials, count: unseen, ...generatorOf });
  const info: RegionsInfo = {
    command: `npm run fit:regions -- --pairs ${pairs} --trials ${trials} --unseen ${unseen} --seed ${seed}`,
    generator: hash,
    sha256: createHash('sha256').update(file).digest('hex'),
    parts,
    fit: {
      pairs,
      seed,
      ...rounded(effects),
      measured: measured.map((one) => ({ ...one, locality: locality.get(one.part)!.map(round) })),
    },
  };
  const assets = assetsFolder();
  await mkdir(assets, { recursive: true });
  await writeFile(join(assets, 'regions.bin'), file);
  await writeFile(join(assets, 'regions.json'), `${JSON.stringify(info, null, 2)}\n`);
  const shown = new Map(measured.map(({ part, styles: taken }) => [part, taken]));
  await writeFile(join(ROOT, 'docs/regions.jpg'), await regionFigure(meanImage(bases), map, shown, rows));
  for (const { part, inside, outside } of measured)
    console.log(`${part}: change ${inside} inside, ${outside} outside`);
}

interface Trial {
  /** Index of the first pair. */
  from: number;
  count: number;
  seed: number;
  threads: number;
  styles: number;
  dim: number;
}

/** By part and style, tried alone: change inside of the part over change outside; 0 where the part does not take the style. */
async function tryStyles(map: RegionMap, trial: Trial): Promise<Map<RegionPart, number[]>> {
  const { styles } = trial;
  const alone = [...map].flatMap(([part, mask]) =>
    stylesOf(mask, styles).map((style) => {
      const own = mask.map((weight, i) => (Math.floor(i / (mask.length / styles)) === style ? weight : 0));
      return { part, style, own, places: footprint(mask), change: new Change() };
    }),
  );
  await eachPair('styles', trial, async (mixer, pair, base) => {
    for (const { own, places, change } of alone) change.add(base, await mixer.mix(pair, own), places);
  });
  return new Map(
    [...map.keys()].map((part) => {
      const ratios = Array.from({ length: styles }, () => 0);
      for (const { change, style } of alone.filter((one) => one.part === part))
        ratios[style] = Math.min(LOCAL_ENOUGH, change.inside / change.outside);
      return [part, ratios];
    }),
  );
}

/** The map without the styles that change too much elsewhere. */
const narrowed = (
  map: RegionMap,
  locality: ReadonlyMap<RegionPart, readonly number[]>,
  styles: number,
): RegionMap =>
  new Map(
    [...map].map(([part, mask]) => [
      part,
      mask.map((weight, i) =>
        locality.get(part)![Math.floor(i / (mask.length / styles))]! >= LOCALITY ? weight : 0,
      ),
    ]),
  );

/** How much each part changes inside and outside of its places, and the mixes of the first pairs. */
async function tryOut(map: RegionMap, trial: Trial) {
  const parts = [...map.keys()];
  const changes = new Map(parts.map((part) => [part, new Change()]));
  const rows: MixRow[] = [];
  await eachPair('mixes', trial, async (mixer, pair, base) => {
    const mixes = new Map<RegionPart, Float32Array>();
    for (const part of parts) {
      const image = await mixer.mix(pair, regionMask(map, [part], 0));
      changes.get(part)!.add(base, image, footprint(map.get(part)!));
      mixes.set(part, image);
    }
    if (rows.length === SHOWN) return;
    const b = await mixer.mix({ a: pair.b, b: pair.b }, regionMask(map, parts, 1));
    rows.push({ a: base, b, mixes });
  });
  const measured = [...changes].map(([part, { inside, outside }]) => ({
    part,
    styles: stylesOf(map.get(part)!, trial.styles),
    inside: round(inside),
    outside: round(outside),
  }));
  return { measured, rows };
}

/** Goes through pairs with the image of each first face. */
async function eachPair(
  label: string,
  { from, count, seed, threads, styles, dim }: Trial,
  look: (mixer: Mixer, pair: Pair, base: Float32Array) => Promise<void>,
): Promise<void> {
  const options = { device: 'cpu' as const, threads, dimensions: { N: 1 } };
  const mapping = await openSession(join(MODELS_DIR, 'mapping.onnx'), options);
  const mixer = await Mixer.load(threads);
  const bar = progress(label, count);
  for (let index = from; index < from + count; index++) {
    const [a, b] = await pairLatents(mapping, { seed, index, dim });
    const pair = { a: repeated(a, styles), b: repeated(b, styles) };
    await look(mixer, pair, await mixer.mix({ a: pair.a, b: pair.a }, new Float32Array(PART_SIZE)));
    bar.tick(`pair ${index}`);
  }
  bar.stop();
  await Promise.all([mapping.release(), mixer.release()]);
}

/** Styles of which a mask takes anything. */
const stylesOf = (mask: Float32Array, styles: number): number[] => {
  const plane = mask.length / styles;
  const all = Array.from({ length: styles }, (_, style) => style);
  return all.filter((style) => mask.subarray(style * plane, (style + 1) * plane).some((x) => x > 0));
};

const repeated = (w: Float32Array, styles: number): Float32Array =>
  Float32Array.from({ length: styles * w.length }, (_, i) => w[i % w.length]!);

/** Landmarks of the mirror image: faces lean to either side as often. */
const mirrored = (landmarks: Float32Array): Float32Array =>
  landmarks.map((_, i) => {
    const value = landmarks[2 * mirrorOf(Math.floor(i / 2)) + (i % 2)]!;
    return i % 2 === 0 ? 1 - value : value;
  });

const meanImage = (looks: readonly Look[]): Float32Array =>
  looks[0]!.image.map((_, i) => looks.reduce((sum, { image }) => sum + image[i]!, 0) / looks.length);

const round = (x: number): number => Number(x.toFixed(3));
const rounded = ({ flat, eyes }: StyleEffects): StyleEffects => ({
  flat: flat.map(round),
  eyes: eyes.map(round),
});

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '32' },
    trials: { type: 'string', default: '8' },
    unseen: { type: 'string', default: '8' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(USAGE);
else
  await main({
    pairs: integerOption('pairs', values.pairs),
    trials: integerOption('trials', values.trials),
    unseen: integerOption('unseen', values.unseen),
    seed: integerOption('seed', values.seed, 0),
    threads: integerOption('threads', values.threads),
  });
