// What was odd about the data, counted by kind, with the first place of each: one line a kind at the end.

interface Entry {
  count: number;
  readonly first: string;
  readonly advice: string | undefined;
}

export class Tally {
  readonly #entries = new Map<string, Entry>();

  /**
   * `what` reads on from a number: "rows without text left out"; `advice` says how to mend it, where nothing else is left.
   */
  add(what: string, first: string, advice?: string): void {
    const entry = this.#entries.get(what);
    if (entry === undefined) this.#entries.set(what, { count: 1, first, advice });
    else entry.count++;
  }

  /** Of what happened most. */
  get advice(): string | undefined {
    return [...this.#entries.values()].sort((a, b) => b.count - a.count)[0]?.advice;
  }

  get lines(): string[] {
    return [...this.#entries].map(([what, { count, first }]) => `${count} ${what}, the first: ${first}`);
  }
}
