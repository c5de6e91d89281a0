// What was odd about the data, counted by kind, with the first place of each: one line a kind at the end.

interface Entry {
  count: number;
  readonly first: string;
}

export class Tally {
  readonly #entries = new Map<string, Entry>();

  /** `what` reads on from a number: "rows without text left out". */
  add(what: string, first: string): void {
    const entry = this.#entries.get(what);
    if (entry === undefined) this.#entries.set(what, { count: 1, first });
    else entry.count++;
  }

  get lines(): string[] {
    return [...this.#entries].map(([what, { count, first }]) => `${count} ${what}, the first: ${first}`);
  }
}
