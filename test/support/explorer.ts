/** Every interleaving of a small model: breadth first, each state once, so that the trace of a broken invariant is shortest. */

export interface Step<S> {
  name: string;
  next: S;
}

export interface Model<S> {
  start: S;
  steps(state: S): Step<S>[];
  /** Names the invariant that a step broke. */
  broken(before: S, after: S): string | undefined;
}

export interface Explored {
  states: number;
  broken?: { invariant: string; trace: string[] };
}

/** Walks until an invariant breaks or every state was seen. States are plain data of fixed field order. */
export function explore<S>({ start, steps, broken }: Model<S>): Explored {
  const seen = new Set([JSON.stringify(start)]);
  const queue: { state: S; from?: number; name: string }[] = [{ state: start, name: 'start' }];
  const trace = (at: number): string[] => {
    const { from, name } = queue[at]!;
    return from === undefined ? [] : [...trace(from), name];
  };
  for (let at = 0; at < queue.length; at++) {
    const { state } = queue[at]!;
    for (const { name, next } of steps(state)) {
      const invariant = broken(state, next);
      if (invariant) return { states: seen.size, broken: { invariant, trace: [...trace(at), name] } };
      const text = JSON.stringify(next);
      if (seen.has(text)) continue;
      seen.add(text);
      queue.push({ state: next, from: at, name });
    }
  }
  return { states: seen.size };
}
