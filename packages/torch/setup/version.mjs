// @ts-check
// Versions as PyTorch and npm write them: "1.13.0a0+git123", "2.6.0+cu124". Only the numbers in front count.

/** @param {string} text */
function numbers(text) {
  const match = /^\s*v?(\d+(?:\.\d+)*)/.exec(text);
  return match?.[1] === undefined ? undefined : match[1].split(".").map(Number);
}

/**
 * Whether `version` is `minimum` or newer; false for a text that is no version.
 * @param {string} version
 * @param {string} minimum
 */
export function atLeast(version, minimum) {
  const have = numbers(version);
  const want = numbers(minimum);
  if (have === undefined || want === undefined) return false;
  for (let i = 0; i < Math.max(have.length, want.length); i++) {
    const difference = (have[i] ?? 0) - (want[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
