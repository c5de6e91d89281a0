// Who owns what: whole parameters, the largest first, each to the rank that has least so far.

/**
 * The owner of each item, by sizes. Deterministic: equal sizes keep their order, equal loads go to the lowest rank.
 * The largest load exceeds the mean by at most the largest item.
 */
export function assignOwners(sizes: readonly number[], ranks: number): number[] {
  const order = sizes.map((_, i) => i).sort((a, b) => sizes[b]! - sizes[a]! || a - b);
  const loads = new Array<number>(ranks).fill(0);
  const owners = new Array<number>(sizes.length).fill(0);
  for (const item of order) {
    const owner = loads.indexOf(Math.min(...loads));
    owners[item] = owner;
    loads[owner]! += sizes[item]!;
  }
  return owners;
}
