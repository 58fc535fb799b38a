/** Which installed packages a program needs, out of npm's lock file. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';

const Dependencies = Type.Optional(Type.Record(Type.String(), Type.String()));
const Lock = Type.Object({
  packages: Type.Record(
    Type.String(),
    Type.Object({
      dependencies: Dependencies,
      optionalDependencies: Dependencies,
      peerDependencies: Dependencies,
    }),
  ),
});

/**
 * Folders below `root`, sorted, of these packages and of everything they need and that is installed. An optional or
 * peer dependency that is not is left out. Throws where a package itself is missing.
 */
export function closure(root: string, names: readonly string[]): string[] {
  const lock: unknown = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  if (!Value.Check(Lock, lock)) throw new Error('package-lock.json is not of version 2 or 3');
  const found = new Set<string>();
  const visit = (name: string, from: string, needed: boolean): void => {
    const folder = nearest(lock.packages, name, from);
    if (!folder || !existsSync(join(root, folder))) {
      if (needed)
        throw new Error(`The package ${name}, which ${from || 'the bundle'} needs, is not installed`);
      return;
    }
    if (found.has(folder)) return;
    found.add(folder);
    const { dependencies, optionalDependencies, peerDependencies } = lock.packages[folder]!;
    for (const each of Object.keys(dependencies ?? {})) {
      visit(each, folder, !(each in (optionalDependencies ?? {})));
    }
    for (const each of Object.keys({ ...optionalDependencies, ...peerDependencies }))
      visit(each, folder, false);
  };
  for (const name of names) visit(name, '', true);
  return [...found].sort();
}

/** Node's own search: below the package that asks, then below everything around it. */
function nearest(
  packages: Readonly<Record<string, unknown>>,
  name: string,
  from: string,
): string | undefined {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
    const folder = join(at, 'node_modules', name);
    if (folder in packages) return folder;
    if (at === '') return undefined;
  }
}
