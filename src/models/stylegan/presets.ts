/** Presets of a projection: how much time it takes, and by which protocol. */
import type { RateSchedule } from './schedule.js';

/** What a preset decides; each of them can be overridden. */
export interface PresetOptions {
  /** Adam steps. */
  steps: number;
  /** Peak rate in units of `space`. */
  learningRate: number;
  schedule: RateSchedule;
  /** Coordinates in which Adam moves: whitened, or W itself. */
  space: 'pn' | 'w';
  /** Strength of the prior, 0 to 1 (see prior.ts). */
  editability: number;
  /** Weight of the pixel distance. */
  pixelWeight: number;
  /** Weight of LPIPS. */
  lpipsWeight: number;
  /** Free style vectors. */
  styles: number;
  start: 'encoder' | 'average';
  /** Share of the steps that are judged at half the side, and the side in pixels (see schedule.ts). */
  coarse: number;
  side: number;
  earlyStop: boolean;
}

const standard: PresetOptions = {
  steps: 200,
  learningRate: 0.2,
  schedule: 'ramp',
  space: 'pn',
  editability: 0.5,
  pixelWeight: 0,
  lpipsWeight: 30_000,
  styles: 16,
  start: 'encoder',
  coarse: 0.15,
  side: 256,
  earlyStop: true,
};

export const PRESETS = {
  /** A first look: few steps, half of them cheap, and small ones, since none are left to settle. */
  draft: { ...standard, steps: 20, learningRate: 0.12, coarse: 0.5, earlyStop: false },
  standard,
  /** Three times as many steps. */
  best: { ...standard, steps: 600 },
  /**
   * The protocol of Celebrity and You: Adam in W at a constant 0.01 from the average latent, un-squared norms of four VGG
   * layers at 224 px, 2,000 steps, nothing else.
   */
  paper: {
    steps: 2000,
    learningRate: 0.01,
    schedule: 'constant',
    space: 'w',
    editability: 0,
    pixelWeight: 0,
    lpipsWeight: 0,
    styles: 16,
    start: 'average',
    coarse: 0,
    side: 224,
    earlyStop: false,
  },
} as const satisfies Record<string, PresetOptions>;

export type Preset = keyof typeof PRESETS;
export const PRESET_NAMES = Object.keys(PRESETS) as Preset[];
export const DEFAULT_PRESET: Preset = 'standard';

type Given = { preset?: Preset | undefined } & { [K in keyof PresetOptions]?: PresetOptions[K] | undefined };

/** What is given, completed by its preset. The prior lies in P_N: in W none is assumed. */
export function withPreset<T extends Given>(given: T): T & PresetOptions & { preset: Preset } {
  const { preset = DEFAULT_PRESET } = given;
  const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T;
  const inW = given.space === 'w' ? { editability: 0 } : {};
  return { preset, ...PRESETS[preset], ...inW, ...known };
}
