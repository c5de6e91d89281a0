import { describe, expect, it } from "vitest";
import { chiSquare, chiSquareLimit } from "../../../test/oracle/chi-square.ts";
import { mulberry32 } from "../../../test/oracle/mulberry32.ts";
import { scriptedProposal } from "../scripted.ts";
import { type Selection, type Strategy, select, strategies } from "./block-selection.ts";

const selection = (strategy: Strategy, more: Partial<Selection> = {}): Selection => ({
  strategy,
  threshold: 0.6,
  entropyBound: 1.5,
  seed: 3,
  ...more,
});
const at = (quota: number, sequence = 0, step = 0) => ({ quota, sequence, step });

/** Numbers with many ties. */
function randomProposal(next: () => number, count: number) {
  let column = Math.floor(next() * 5);
  const columns = Array.from({ length: count }, () => (column += 1 + Math.floor(next() * 3)));
  const answers = columns.map(() => ({
    token: Math.floor(next() * 9),
    probability: Math.round(next() * 5) / 5,
    entropy: Math.round(next() * 5) / 4,
  }));
  return scriptedProposal(columns, answers);
}

/** T3D's pseudo-code on a whole block, masks marked, as plain loops. */
const oracle: Record<Exclude<Strategy, "random">, (p: number[], e: number[], quota: number) => number[]> = {
  low_confidence_static(p, _, quota) {
    const left = new Set(p.keys());
    for (let k = 0; k < quota && left.size > 0; k++) {
      let best = -1;
      for (const i of left) if (best < 0 || p[i]! > p[best]!) best = i;
      left.delete(best);
    }
    return [...p.keys()].filter((i) => !left.has(i));
  },
  low_confidence_dynamic(p, e, quota) {
    const sure = [...p.keys()].filter((i) => p[i]! > 0.6);
    return sure.length < quota ? oracle.low_confidence_static(p, e, quota) : sure;
  },
  sequential: (p, _, quota) => [...p.keys()].filter((i) => i < quota),
  entropy_bounded(_, e) {
    const order: number[] = [];
    while (order.length < e.length) {
      let best = -1;
      for (const i of e.keys()) if (!order.includes(i) && (best < 0 || e[i]! < e[best]!)) best = i;
      order.push(best);
    }
    let k = 0;
    for (let sum = e[order[0]!]!; k < order.length && sum < 1.5; sum += e[order[k]!] ?? 0) k++;
    return order.slice(0, Math.max(k, 1)).sort((a, b) => a - b);
  },
};

describe("selection in a block", () => {
  it.each(Object.keys(oracle) as (keyof typeof oracle)[])("is the pseudo-code's: %s", (strategy) => {
    const next = mulberry32(11);
    for (let round = 0; round < 300; round++) {
      const proposal = randomProposal(next, 1 + Math.floor(next() * 8));
      const quota = Math.floor(next() * 5);
      const expected = oracle[strategy]([...proposal.probability], [...proposal.entropy], quota);
      expect(select(proposal, selection(strategy), at(quota))).toEqual(expected);
    }
  });

  it.each(strategies)(
    "takes the lowest of equals, ascending, without changing what it sees: %s",
    (strategy) => {
      const proposal = scriptedProposal(
        [4, 6, 7, 9],
        new Array(4).fill({ token: 1, probability: 0.5, entropy: 0.7 }),
      );
      const seen = structuredClone(proposal);
      const found = select(proposal, selection(strategy), at(2));
      expect(found).toHaveLength(2);
      if (strategy !== "random") expect(found).toEqual([0, 1]);
      expect(found).toEqual([...found].sort((a, b) => a - b));
      expect(proposal).toEqual(seen);
      expect(select(proposal, selection(strategy), at(2))).toEqual(found);
    },
  );

  it("leaves out a confidence at the threshold and an entropy sum at the bound", () => {
    const answers = [0.25, 0.75, 0.5].map((probability) => ({ token: 1, probability, entropy: 0.5 }));
    const proposal = scriptedProposal([0, 1, 2], answers);
    const dynamic = selection("low_confidence_dynamic", { threshold: 0.5 });
    expect(select(proposal, dynamic, at(1))).toEqual([1]);
    expect(select(proposal, dynamic, at(2))).toEqual([1, 2]);
    const bounded = (entropyBound: number) =>
      select(proposal, selection("entropy_bounded", { entropyBound }), at(0));
    expect(bounded(1)).toEqual([0]);
    expect(bounded(1.01)).toEqual([0, 1]);
    expect(bounded(0)).toEqual([0]);
    expect(bounded(9)).toEqual([0, 1, 2]);
  });

  it("chooses at random every pair equally often, by seed, sequence and step", () => {
    const proposal = scriptedProposal([8, 9, 11, 14], new Array(4).fill({ token: 1 }));
    const pairs = ["0,1", "0,2", "0,3", "1,2", "1,3", "2,3"];
    const counts = pairs.map(() => 0);
    for (let sequence = 0; sequence < 3000; sequence++) {
      counts[pairs.indexOf(select(proposal, selection("random"), at(2, sequence)).join())]!++;
    }
    const { statistic, degrees } = chiSquare(counts, new Array(6).fill(1 / 6));
    expect(statistic).toBeLessThan(chiSquareLimit(degrees));
    const chosen = (seed: number, sequence: number, step: number) =>
      Array.from({ length: 20 }, (_, i) =>
        select(proposal, selection("random", { seed }), at(2, sequence, step + 100 * i)).join(),
      ).join(" ");
    expect(new Set([chosen(1, 0, 0), chosen(2, 0, 0), chosen(1, 1, 0), chosen(1, 0, 1)]).size).toBe(4);
  });
});
