// The clock of a replay: where it stands, whether it runs, how fast.

/** Steps a second. */
export const speeds = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] as const;

export class Player {
  at = $state(0);
  isPlaying = $state(false);
  /** Index into the speeds. */
  speed = $state(4);
  length = $state(0);
  private frame = 0;
  private last = 0;
  /** Part of a step that has gone by. */
  private rest = 0;

  setLength(length: number): void {
    this.length = length;
    if (this.at > length) this.at = length;
  }

  goTo(step: number): void {
    this.at = Math.min(this.length, Math.max(0, Math.round(step)));
  }

  goBy(steps: number): void {
    this.stop();
    this.goTo(this.at + steps);
  }

  changeSpeed(by: number): void {
    this.speed = Math.min(speeds.length - 1, Math.max(0, this.speed + by));
  }

  toggle(): void {
    if (this.isPlaying) {
      this.stop();
      return;
    }
    if (this.at >= this.length) this.at = 0;
    this.isPlaying = true;
    this.rest = 0;
    this.last = performance.now();
    this.frame = requestAnimationFrame((now) => this.tick(now));
  }

  stop(): void {
    this.isPlaying = false;
    cancelAnimationFrame(this.frame);
  }

  private tick(now: number): void {
    this.rest += ((now - this.last) / 1000) * speeds[this.speed]!;
    this.last = now;
    const steps = Math.floor(this.rest);
    this.rest -= steps;
    if (steps > 0) this.goTo(this.at + steps);
    if (this.at >= this.length) this.stop();
    else this.frame = requestAnimationFrame((next) => this.tick(next));
  }
}
