// @ts-check
// Memory of this process as Linux tells it.

import { readFileSync, writeFileSync } from "node:fs";

/**
 * Bytes: VmHWM is the most that was held, VmRSS what is held now. NaN where the system does not say.
 * @param {"VmHWM" | "VmRSS"} name
 */
export function memoryOf(name) {
  try {
    const status = readFileSync("/proc/self/status", "utf8");
    return 1024 * Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
  } catch {
    return Number.NaN;
  }
}

/** From now on VmHWM counts anew; false where the system does not allow that. The same in Python: reset_peak(). */
export function resetPeak() {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
    return true;
  } catch {
    return false;
  }
}
