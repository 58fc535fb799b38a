/** How long each kind of request takes. */

export interface RouteTimes {
  route: string;
  count: number;
  p50Ms: number;
  p99Ms: number;
}

export class Times {
  readonly #times = new Map<string, number[]>();

  constructor(private readonly url: string) {}

  get(route: string, path: string): Promise<Buffer> {
    return this.ask(route, path);
  }

  /** Rejects for an answer that is no success. */
  async ask(route: string, path: string, init: RequestInit = {}): Promise<Buffer> {
    const begun = performance.now();
    const response = await fetch(this.url + path, init);
    const bytes = Buffer.from(await response.arrayBuffer());
    if (!response.ok) throw new Error(`${init.method ?? 'GET'} ${path}: ${response.status} ${bytes}`);
    const times = this.#times.get(route) ?? [];
    this.#times.set(route, times);
    times.push(performance.now() - begun);
    return bytes;
  }

  /** Forgets what was measured so far. */
  clear(): void {
    this.#times.clear();
  }

  routes(): RouteTimes[] {
    return [...this.#times].map(([route, times]) => {
      const sorted = times.toSorted((a, b) => a - b);
      const quantile = (share: number): number =>
        sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
      return { route, count: times.length, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
    });
  }
}
