/** Memory and open files of the processes of a service, out of /proc. */
import { readdir, readFile } from 'node:fs/promises';
import type { Fleet } from '../../test/support/fleet/fleet.js';
import type { Sample } from './fit.js';

export interface Watched {
  name: string;
  pid: number;
  /** MiB that belong to the process alone: its heap and stacks, and no file or library. */
  memory: Sample[];
  /** Open file descriptors. */
  files: Sample[];
}

/** Every process of the service, engines as `worker-0 engine 1`, 2 .. in the order of their start. */
export async function watched(fleet: Fleet): Promise<Watched[]> {
  const found: Watched[] = [];
  const add = (name: string, pid: number): void => void found.push({ name, pid, memory: [], files: [] });
  for (const part of fleet.parts) {
    if (part.pid) add(part.name, part.pid);
    if (!part.name.startsWith('worker')) continue;
    for (const [i, pid] of (await part.children()).sort((a, b) => a - b).entries())
      add(`${part.name} engine ${i + 1}`, pid);
  }
  return found;
}

/** Adds what is true now. Rejects when a process has ended. */
export async function look(processes: readonly Watched[], at: number): Promise<void> {
  await Promise.all(
    processes.map(async ({ name, pid, memory, files }) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => {
        throw new Error(`${name} (process ${pid}) has ended`);
      });
      const kilobytes = Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]);
      memory.push({ at, value: kilobytes / 1024 });
      files.push({ at, value: (await readdir(`/proc/${pid}/fd`)).length });
    }),
  );
}
