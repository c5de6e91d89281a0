// What of the data is held out: the last rows, or the end of a single text.

export interface Parts<Item> {
  readonly train: readonly Item[];
  readonly heldOut: readonly Item[];
}

/** At least one row on each side; a single row is never held out. */
export function splitRows<Item>(rows: readonly Item[], share: number): Parts<Item> {
  if (share === 0 || rows.length < 2) return { train: rows, heldOut: [] };
  const cut = Math.min(rows.length - 1, Math.max(1, Math.floor(rows.length * (1 - share))));
  return { train: rows.slice(0, cut), heldOut: rows.slice(cut) };
}

/** Never inside of a character. */
export function splitText(text: string, share: number): readonly [train: string, heldOut: string] {
  let cut = Math.floor(text.length * (1 - share));
  if (/[\uDC00-\uDFFF]/.test(text[cut] ?? "") && /[\uD800-\uDBFF]/.test(text[cut - 1] ?? "")) cut--;
  return [text.slice(0, cut), text.slice(cut)];
}
