import { describe, expect, it } from "vitest";
import { chiSquare, chiSquareLimit } from "../../test/oracle/chi-square.ts";
import { ratioProbabilities } from "../diffusion/trace-corruption.ts";
import { doubledColumns } from "./doubled-batch.ts";
import type { Answer } from "./masked-batch.ts";
import { type TraceResponsesOptions, traceResponses } from "./trace-batch.ts";

const [padId, maskId] = [0, 99];
const answers: Answer[] = [
  { ids: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], promptLength: 6 },
  { ids: [21, 22, 23, 24, 25, 26, 27], promptLength: 3 },
];
const columnsOf = (some = answers) => doubledColumns(some, { padId, padding: "none", blockLength: 4 });
const options: TraceResponsesOptions = {
  ...{
    seed: 2,
    examples: [5, 6],
    steps: [
      [2, 1, 6, 5, 3, 4],
      [1, 4, 3, 2],
    ],
    maskId,
    padId,
  },
  ...{ ratios: [0.5], exponent: 1 },
};

describe("traceResponses", () => {
  it("hides the latest of every block, and neither the prompt's tail nor padding", () => {
    const { ids, positions, weights } = traceResponses(columnsOf(), options);
    // Columns: 5 6 (7 8) (9 10 11 12) and (21 … 23) in the prompt's tail, (24) (25 26 27).
    expect([...ids]).toEqual([5, 6, 99, 8, 99, 99, 11, 12, 21, 22, 23, 24, 99, 26, 27, 0]);
    expect([...positions]).toEqual([2, 4, 5, 12]);
    expect([...weights]).toEqual([1 / 3, 1 / 3, 1 / 3, 1]);
    expect([...traceResponses(columnsOf(), { ...options, order: "earliest" }).positions]).toEqual([
      3, 6, 7, 14,
    ]);
  });

  it("draws by the example alone", () => {
    const change = {
      order: "random",
      random: { share: 0.4, tokens: 90 },
      ratios: [1, 0.75, 0.5, 0.25],
    } as const;
    const both = traceResponses(columnsOf(), { ...options, ...change });
    const alone = traceResponses(columnsOf([answers[1]!]), { ...options, ...change, examples: [6] });
    expect([...alone.ids.subarray(0, 8)]).toEqual([...both.ids.subarray(8, 16)]);
    const other = traceResponses(columnsOf(), { ...options, ...change, examples: [7, 8] });
    expect([...other.ids]).not.toEqual([...both.ids]);
  });

  it("draws ratios, random places and random tokens as often as said", () => {
    const one: Answer = { ids: [1, 2, 3, 4], promptLength: 0 };
    const columns = columnsOf([one]);
    const ratios = [1, 0.75, 0.5, 0.25];
    const seen = { ratios: [0, 0, 0, 0], places: [0, 0, 0, 0], tokens: [0, 0, 0] };
    for (let example = 0; example < 3000; example++) {
      const random = { share: 0.01, tokens: 3 };
      const change = { ratios, order: "random", random, examples: [example] } as const;
      const { ids, times, positions } = traceResponses(columns, { ...options, ...change, maskId: 50 });
      seen.ratios[ratios.indexOf(times[0]!)]!++;
      if (positions.length === 1) seen.places[positions[0]!]!++;
      for (const place of positions) if (ids[place] !== 50) seen.tokens[ids[place]!]!++;
    }
    const fits = (observed: number[], probability: number[]) => {
      const { statistic, degrees } = chiSquare(observed, probability);
      expect(statistic).toBeLessThan(chiSquareLimit(degrees));
    };
    fits(seen.ratios, ratioProbabilities(ratios, 1));
    fits(seen.places, [0.25, 0.25, 0.25, 0.25]);
    fits(seen.tokens, [1 / 3, 1 / 3, 1 / 3]);
    expect(seen.tokens.reduce((a, b) => a + b, 0)).toBe(3000);
  });
});
