// Learning-rate schedules as functions of the step, as factors of the base rate.

export interface ScheduleOptions {
  kind: "constant" | "linear" | "cosine";
  /** Steps of linear warm-up; step s < warmup gives (s + 1) / warmup. */
  warmup?: number | undefined;
  /** Length of the whole run, warm-up included; needed by linear and cosine. */
  steps?: number | undefined;
  /** The factor never falls below this after warm-up, and ends there (0 by default). */
  floor?: number | undefined;
}

/** Step (from 0) -> factor in [0, 1]. Throws a RangeError for impossible options. */
export function schedule(options: ScheduleOptions): (step: number) => number {
  const { kind, warmup = 0, floor = 0 } = options;
  const steps = options.steps ?? Number.POSITIVE_INFINITY;
  if (!(floor >= 0 && floor <= 1))
    throw new RangeError(`a schedule's floor must lie in [0, 1], got ${floor}`);
  if (!(warmup >= 0)) throw new RangeError(`a schedule's warm-up must not be negative, got ${warmup}`);
  if (kind !== "constant" && !Number.isFinite(steps)) {
    throw new RangeError(`a ${kind} schedule needs the number of steps`);
  }
  return (step) => {
    if (step < warmup) return (step + 1) / warmup;
    if (kind === "constant") return 1;
    // The last step (steps − 1) reaches the floor exactly.
    const progress = Math.min(1, (step - warmup) / Math.max(1, steps - 1 - warmup));
    const fall = kind === "linear" ? 1 - progress : (1 + Math.cos(Math.PI * progress)) / 2;
    return floor + (1 - floor) * fall;
  };
}
