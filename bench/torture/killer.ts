/** Breaks one thing after the other, as the seed says, and mends it again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { uniformFrom } from '../../src/models/random.js';
import type { Fleet } from '../../test/support/fleet/fleet.js';
import { endProcess, type Part } from '../../test/support/fleet/part.js';

export interface Dice {
  /** From 0 to 1. */
  random: () => number;
  /** Seconds between two bounds. */
  seconds: (least: number, most: number) => number;
  pick: <T>(items: readonly T[]) => T;
}

function dice(random: () => number): Dice {
  return {
    random,
    seconds: (least, most) => least + (most - least) * random(),
    pick: (items) => items[Math.floor(random() * items.length)]!,
  };
}

interface Blow {
  /** How often it comes, beside the others. */
  weight: number;
  /** A kill or a partition. */
  counts: boolean;
  /** Resolves when everything is as it was before. */
  strike: (fleet: Fleet, dice: Dice) => Promise<void>;
}

const pause = (s: number): Promise<void> => sleep(1000 * s);

async function killed(part: Part, after: number): Promise<void> {
  await part.kill();
  await pause(after);
  await part.start();
}

export const BLOWS: Readonly<Record<string, Blow>> = {
  'kill API': {
    weight: 4,
    counts: true,
    strike: ({ apis }, { pick, seconds }) => killed(pick(apis), seconds(0, 1)),
  },
  'kill worker and engines': {
    weight: 2,
    counts: true,
    strike: ({ workers }, { pick, seconds }) => killed(pick(workers), seconds(0, 1)),
  },
  'kill worker alone': {
    weight: 1,
    counts: true,
    strike: async ({ workers }, { pick, seconds }) => {
      const worker = pick(workers);
      worker.signal('SIGKILL');
      await pause(seconds(0.5, 1.5));
      await worker.start();
    },
  },
  'kill engine': {
    weight: 3,
    counts: true,
    strike: async ({ workers }, { pick }) => {
      const engines = await pick(workers).children();
      if (engines.length > 0) endProcess(pick(engines));
    },
  },
  'kill Redis': {
    weight: 2,
    counts: true,
    strike: async (fleet, { seconds }) => {
      await fleet.redis.kill();
      await pause(seconds(0, 2));
      await fleet.restartRedis();
    },
  },
  partition: {
    weight: 3,
    counts: true,
    strike: async ({ proxy }, { seconds }) => {
      proxy.mode = 'silent';
      await pause(seconds(0.5, 8));
      proxy.mode = 'pass';
    },
  },
  'refused connections': {
    weight: 2,
    counts: true,
    strike: async ({ proxy }, { seconds }) => {
      proxy.mode = 'refuse';
      await pause(seconds(0.2, 3));
      proxy.mode = 'pass';
    },
  },
  'reset connections': { weight: 2, counts: true, strike: async ({ proxy }) => proxy.cut() },
  'slow network': {
    weight: 1,
    counts: false,
    strike: async ({ proxy }, { seconds }) => {
      proxy.latencyMs = 1000 * seconds(0.005, 0.03);
      await pause(seconds(1, 4));
      proxy.latencyMs = 0;
    },
  },
  'slow disk': {
    weight: 1,
    counts: false,
    strike: async (fleet, { seconds }) => {
      await fleet.suffer({ diskMs: 1000 * seconds(0.05, 0.3) });
      await pause(seconds(1, 4));
      await fleet.suffer({});
    },
  },
  'full disk': {
    weight: 1,
    counts: false,
    strike: async (fleet, { seconds, pick }) => {
      await fleet.suffer({ diskError: pick(['ENOSPC', 'EROFS'] as const) });
      await pause(seconds(1, 4));
      await fleet.suffer({});
    },
  },
  'clock jump': {
    weight: 1,
    counts: false,
    strike: async (fleet, { seconds, pick }) => {
      await fleet.suffer({ clockMs: pick([-1, 1]) * 1000 * seconds(1, 40) });
      await pause(seconds(1, 5));
      await fleet.suffer({});
    },
  },
  'frozen worker': {
    weight: 1,
    counts: false,
    strike: async ({ workers }, { pick, seconds, random }) => {
      const worker = pick(workers);
      worker.signal('SIGSTOP');
      // One in four outlives the lock of its jobs: then two attempts are under way.
      await pause(random() < 0.25 ? seconds(32, 40) : seconds(1, 6));
      worker.signal('SIGCONT');
    },
  },
  'restart worker': {
    weight: 1,
    counts: false,
    strike: async ({ workers }, { pick }) => {
      const worker = pick(workers);
      await worker.stop();
      await worker.start();
    },
  },
};

/** One entry of the plan: seconds of peace, then a blow, whose choices are those of its own dice. */
export interface Planned {
  peace: number;
  name: string;
  dice: Dice;
}

/** The endless plan of a seed. */
export function* planOf(seed: number, every: number): Generator<Planned, never> {
  const { random, seconds } = dice(uniformFrom(seed));
  const whole = Object.values(BLOWS).reduce((sum, { weight }) => sum + weight, 0);
  for (;;) {
    const peace = seconds(0.5 * every, 1.5 * every);
    let place = whole * random();
    const [name] = Object.entries(BLOWS).find(([, { weight }]) => {
      place -= weight;
      return place < 0;
    })!;
    yield { peace, name, dice: dice(uniformFrom(2 ** 32 * random())) };
  }
}

/**
 * Strikes by the plan until it is over; `onBlow` hears of each blow before it falls, `onMended` when all is whole again. What has
 * ended by itself is started again, as a supervisor would, and `onDeath` hears of it.
 */
export async function killer(
  fleet: Fleet,
  plan: Generator<Planned, never>,
  {
    isOver,
    onBlow,
    onMended,
    onDeath,
  }: {
    isOver: () => boolean;
    onBlow: (name: string, counts: boolean) => void;
    onMended: () => void;
    onDeath: (part: string) => void;
  },
): Promise<void> {
  for (const { peace, name, dice } of plan) {
    await pause(peace);
    if (isOver()) return;
    const blow = BLOWS[name]!;
    onBlow(name, blow.counts);
    await blow.strike(fleet, dice);
    onMended();
    for (const part of fleet.parts) {
      if (part.running) continue;
      onDeath(part.name);
      await part.start();
    }
  }
}
