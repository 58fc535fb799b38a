/**
 * Loaded into a process of the service by `--import`: gives it a wrong clock, or a disk that is slow, full or read-only, while the
 * file that LATENTMORPH_FAULTS names says so. `{"clockMs":0,"diskMs":0,"diskError":"ENOSPC","below":"/data"}`, each optional;
 * the disk's faults are for paths below `below`. The file is looked at ten times a second.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const EVERY_MS = 100;
const { readFileSync } = fs;
let faults = {};
const look = () => {
  try {
    faults = JSON.parse(readFileSync(process.env.LATENTMORPH_FAULTS, 'utf8'));
  } catch {
    // Missing, or just being written: what was told last stays.
  }
};
look();
setInterval(look, EVERY_MS).unref();

const RealDate = Date;
// Whole milliseconds, as of any clock.
const now = () => RealDate.now() + Math.round(faults.clockMs ?? 0);
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, self) => Reflect.construct(target, args.length > 0 ? args : [now()], self),
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});

const isBelow = (path) => faults.below !== undefined && String(path).startsWith(faults.below);
const writes = (name, [, flags]) => name !== 'open' || (typeof flags === 'string' && !flags.startsWith('r'));
for (const name of ['open', 'writeFile', 'mkdir', 'rename', 'readFile', 'stat']) {
  const real = fs.promises[name];
  const reads = name === 'readFile' || name === 'stat';
  fs.promises[name] = async (path, ...args) => {
    if (isBelow(path)) {
      if (faults.diskMs > 0) await sleep(faults.diskMs);
      if (faults.diskError && !reads && writes(name, [path, ...args])) {
        const message = `${faults.diskError}: injected, ${name} '${path}'`;
        throw Object.assign(new Error(message), { code: faults.diskError, syscall: name, path });
      }
    }
    return real.call(fs.promises, path, ...args);
  };
}
syncBuiltinESMExports();
