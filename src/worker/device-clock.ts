/** How much of a device's time each job had, where several share it: together they had all of it. */
export class DeviceClock {
  #running = 0;
  /** Seconds that a job has had that runs since the beginning. */
  #each = 0;
  #last = 0;

  /** `now` in seconds of a clock that only runs forward. */
  constructor(private readonly now: () => number) {}

  /** Starts a job. The function that is returned ends it and tells its seconds. */
  start(): () => number {
    this.#tick();
    this.#running++;
    const begin = this.#each;
    return () => {
      this.#tick();
      this.#running--;
      return this.#each - begin;
    };
  }

  #tick(): void {
    const now = this.now();
    if (this.#running > 0) this.#each += (now - this.#last) / this.#running;
    this.#last = now;
  }
}
