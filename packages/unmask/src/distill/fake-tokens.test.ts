import { tensor, toNumbers } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { chiSquare, chiSquareLimit, softmax } from "../../test/oracle/chi-square.ts";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import { gumbelRace } from "../diffusion/released.ts";
import { fakeDraw } from "./fake-tokens.ts";

const row = [0.3, -1, 1.2, 0, -0.4];
const logits = (count: number, values = row) => tensor(Array.from({ length: count }, () => [...values]));
const where = (answers: number[], columns: number[], index = 0) => ({
  ...{ answers: Int32Array.from(answers), columns: Int32Array.from(columns), index },
  place: { seed: 3, examples: Array.from({ length: 200 }, (_, i) => 500 + i) },
});
const draw = (temperature: number, answers: number[], columns: number[], index = 0) =>
  toNumbers(fakeDraw(temperature)(logits(columns.length), where(answers, columns, index)));

describe("x̂", () => {
  const places = Array.from({ length: 4000 }, (_, i) => i);
  const answers = places.map((i) => Math.floor(i / 20));
  const columns = places.map((i) => i % 20);

  it("is the most probable token at temperature 0, the lowest of equals", () => {
    expect(toNumbers(fakeDraw(0)(logits(2, [1, 3, 3, 0, 2]), where([0, 0], [0, 1])))).toEqual([1, 1]);
  });

  it.each([0.5, 1, 2])("is drawn from softmax(z / %f), as the Gumbel race draws", (temperature) => {
    const count = (tokens: number[]) => row.map((_, v) => tokens.filter((token) => token === v).length);
    const next = mulberry32(8);
    const uniforms = tensor(Float64Array.from({ length: 4000 * 5 }, next), [4000, 5]);
    const race = toNumbers(gumbelRace(logits(4000), uniforms, temperature));
    for (const tokens of [draw(temperature, answers, columns), race]) {
      const { statistic, degrees } = chiSquare(count(tokens), softmax(row, temperature));
      expect(statistic).toBeLessThan(chiSquareLimit(degrees));
    }
  });

  it("hangs on example and column, not on the batch, and has independent draws", () => {
    const all = draw(1, answers, columns);
    const some = places.filter((i) => i % 7 === 3);
    expect(
      draw(
        1,
        some.map((i) => answers[i]!),
        some.map((i) => columns[i]!),
      ),
    ).toEqual(some.map((i) => all[i]));
    const again = draw(1, answers, columns, 1);
    const agree = again.filter((token, i) => token === all[i]).length / 4000;
    const chance = softmax(row).reduce((sum, p) => sum + p * p, 0);
    expect(Math.abs(agree - chance)).toBeLessThan(0.03);
  });
});
