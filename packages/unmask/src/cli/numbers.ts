// Numbers for people.

/** 4.1s, 1m 20s, 2h 5m */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`;
  return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`;
}

/** 812, 12.3k, 4.0M */
export function short(count: number): string {
  if (!Number.isFinite(count)) return "?";
  if (count < 999.5) return count.toFixed(0);
  if (count < 999_500) return `${(count / 1e3).toFixed(count < 99_950 ? 1 : 0)}k`;
  return `${(count / 1e6).toFixed(1)}M`;
}

export function gigabytes(bytes: number): string {
  const gib = bytes / 2 ** 30;
  return gib < 0.95 ? `${Math.max(1, Math.round(bytes / 2 ** 20))} MiB` : `${gib.toFixed(1)} GiB`;
}
