// Whose turn it is: the client with the fewest running sequences, among its requests the one with the fewest, and of
// equals the one that came first. A request for a hundred sequences thus shares the batch with the others, one sequence
// a turn, and a client with a hundred requests shares it with the other clients. Who has the turn and does not fit yet
// is waited for, so that small requests never starve a large one.

export interface Entry {
  readonly client: string;
  /** Sequences that run now, and that are still to begin. */
  readonly running: number;
  readonly left: number;
}

/** The entry (in order of arrival) whose sequence begins next. */
export function nextEntry<One extends Entry>(entries: Iterable<One>): One | undefined {
  const all = [...entries];
  const busy = new Map<string, number>();
  for (const { client, running } of all) busy.set(client, (busy.get(client) ?? 0) + running);
  let best: One | undefined;
  for (const one of all) {
    if (one.left > 0 && (best === undefined || isBefore(one, best, busy))) best = one;
  }
  return best;
}

function isBefore(one: Entry, other: Entry, busy: ReadonlyMap<string, number>): boolean {
  const [mine, theirs] = [busy.get(one.client)!, busy.get(other.client)!];
  return mine !== theirs ? mine < theirs : one.running < other.running;
}
