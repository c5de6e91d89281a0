// Learning rates as transformers' get_scheduler() gives them (T3D and d3LLM train with them), as factors of the peak.
// They differ from @unmask/torch's schedule(): the first of the warm-up's updates has rate 0, and cosine, which nothing
// stops at the end, rises again behind it.
// Reference for parity: Tyrion58/T3D 330e9c6, models/lr_schedulers.py.

export const publishedSchedules = [
  "constant",
  "constant_with_warmup",
  "linear",
  "cosine",
  "polynomial",
] as const;
export type PublishedSchedule = (typeof publishedSchedules)[number];

export interface PublishedScheduleOptions {
  readonly warmup?: number | undefined;
  /** Updates of the whole run, warm-up included. */
  readonly total: number;
  /** Peak learning rate, which the end of "polynomial" is measured by. */
  readonly peak?: number | undefined;
}

/** Where "polynomial" (of power 1) ends. */
const lastRate = 1e-7;

/** Updates done before -> factor of the peak. */
export function publishedSchedule(
  name: PublishedSchedule,
  { warmup = 0, total, peak = 1 }: PublishedScheduleOptions,
): (updates: number) => number {
  const falling: Record<PublishedSchedule, (progress: number) => number> = {
    constant: () => 1,
    constant_with_warmup: () => 1,
    linear: (progress) => Math.max(0, 1 - progress),
    cosine: (progress) => Math.max(0, (1 + Math.cos(Math.PI * progress)) / 2),
    polynomial: (progress) => ((peak - lastRate) * Math.max(0, 1 - progress) + lastRate) / peak,
  };
  const fall = falling[name];
  return (updates) => {
    if (name === "constant") return 1;
    if (updates < warmup) return updates / Math.max(1, warmup);
    return fall((updates - warmup) / Math.max(1, total - warmup));
  };
}
