import { describe, expect, it } from "vitest";
import { makeTrajectories, student, teacher } from "../../test/trajectories.ts";
import { open } from "../files/open.ts";
import { densityOf } from "./density.ts";
import { differencesOf } from "./differences.ts";
import { noTexts, runOf } from "./from-trajectory.ts";
import { historyOf, stretchesOf } from "./history.ts";
import { levels, levelsOf } from "./levels.ts";
import { isRepeatable } from "./rerun.ts";
import { countAt, orderOf, placesAt, textAt } from "./run.ts";
import { ruleOf, whatIf } from "./what-if.ts";

const made = await makeTrajectories();
async function opened(name: string, row = 0) {
  const found = await open(name, made.find((one) => one.name === name)!.bytes);
  if (found.kind !== "trajectory") throw new Error("no trajectory");
  const run = runOf(found.file.rows[row]!, found.file.texts);
  return { opened: found, row: found.file.rows[row]!, run, order: orderOf(run) };
}
const quick = await opened("student.parquet");
const slow = await opened("teacher.parquet");
const bare = await opened("bare.parquet");

describe("a run", () => {
  it("appears token by token, in the recorded order", () => {
    const { run, order, row } = quick;
    expect(countAt(order, 0)).toBe(0);
    expect(countAt(order, run.forwards)).toBe(run.pieces.length);
    for (let step = 1; step <= run.forwards; step++) {
      const expected = [...row.reveal_step.keys()].filter((place) => row.reveal_step[place] === step - 1);
      expect([...placesAt(order, step)]).toEqual(expected);
    }
  });

  it("shows what was given from the start, and padding with the last forward", () => {
    const row = {
      ...quick.row,
      given: [1, ...quick.row.given.slice(1)],
      reveal_step: [-1, -1, ...quick.row.reveal_step.slice(2)],
    };
    const run = runOf(row, noTexts);
    expect([...run.shownFrom.subarray(0, 2)]).toEqual([0, run.forwards]);
    expect([...run.decoded.subarray(0, 3)]).toEqual([0, 0, 1]);
  });

  it("puts a character of several tokens at the last of them, and ids where texts are not known", () => {
    expect(quick.run.pieces.join("")).toContain("日本語 and 🪁");
    expect(quick.run.pieces).toContain("");
    expect(bare.run.pieces[0]).toBe(`⟨${bare.row.token_ids[0]}⟩`.padStart(bare.run.pieces[0]!.length));
  });

  it("is told to readers with its gaps", () => {
    expect(textAt(quick.run, quick.run.forwards)).toBe(quick.run.pieces.join(""));
    expect(textAt(quick.run, 0)).toBe(` [${quick.run.pieces.length} open] `);
  });

  it("has a level a token: the last step is the deepest, given tokens have none", () => {
    const byStep = levelsOf(slow.run, "step");
    expect(byStep[slow.run.shownFrom.indexOf(slow.run.forwards)]).toBe(levels - 1);
    expect(byStep[slow.run.shownFrom.indexOf(1)]).toBe(0);
    expect(new Set(levelsOf(slow.run, "none"))).toEqual(new Set([-1]));
    const surest = slow.run.confidence.indexOf(Math.max(...slow.run.confidence));
    expect(levelsOf(slow.run, "confidence")[surest]).toBe(Math.min(...levelsOf(slow.run, "confidence")));
  });

  it("has a strip whose bars hold every token once", () => {
    for (const most of [10, 256]) {
      const bars = densityOf(quick.run, quick.order, most);
      expect(bars.length).toBeLessThanOrEqual(most);
      expect(bars.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(quick.run.pieces.length);
    }
  });

  it("differs from another one where it says something else", () => {
    const { left, right } = differencesOf(slow.run, quick.run, "pieces");
    expect(left).toEqual(right);
    expect(left.length).toBeGreaterThan(2);
    expect(left.length).toBeLessThan(20);
    expect(differencesOf(quick.run, quick.run, "ids").left).toEqual([]);
  });
});

describe("the history of a position", () => {
  it("ends with what was committed, which the record has as well", () => {
    for (const place of [3, 40, 90]) {
      const history = historyOf(slow.run, place);
      expect(history.at(-1)).toMatchObject({ step: slow.run.shownFrom[place], committed: true });
      expect(history.at(-1)!.confidence).toBe(slow.run.confidence[place]);
      expect(history.filter(({ committed }) => committed).length).toBe(1);
    }
  });

  it("joins what was said several times", () => {
    const place = [...slow.run.pieces.keys()].find(
      (at) => new Set(historyOf(slow.run, at).map(({ text }) => text)).size > 2,
    )!;
    const history = historyOf(slow.run, place);
    const stretches = stretchesOf(history);
    expect(stretches.length).toBeLessThan(history.length);
    expect([stretches[0]!.from, stretches.at(-1)!.to]).toEqual([history[0]!.step, history.at(-1)!.step]);
    for (const [at, one] of stretches.entries()) expect(one.text).not.toBe(stretches[at + 1]?.text);
  });

  it("is what was committed where no more is known", () => {
    expect(historyOf(bare.run, 5)).toHaveLength(1);
  });
});

describe("what another threshold would have committed", () => {
  const rule = ruleOf("multi_block", { threshold: 0.5 });

  it("is what the run committed where it is its own, by the decoder itself", () => {
    expect(rule).toEqual({ name: "entropy", value: 0.5 });
    expect(isRepeatable({ header: quick.opened.file.header, row: slow.row })).toBe(false);
    const { header } = bare.opened.file;
    expect(isRepeatable({ header, row: quick.row })).toBe(true);
    for (let step = 1; step <= quick.run.forwards; step++) {
      const { both, more, less, basis } = whatIf(quick, step, rule);
      expect([both.length, more.length, less.length, basis]).toEqual([
        placesAt(quick.order, step).length,
        0,
        0,
        "decoder",
      ]);
    }
  });

  it("is more with a looser one, and less with a stricter one", () => {
    const looser = whatIf(quick, 20, { name: "entropy", value: 2 });
    expect(looser.more.length).toBeGreaterThan(3);
    expect(looser.less).toEqual([]);
    for (const { place, entropy } of looser.more) {
      expect(entropy).toBeLessThanOrEqual(2);
      expect(quick.run.shownFrom[place]).toBeGreaterThan(20);
    }
    const both = [...Array(quick.run.forwards).keys()].map((at) =>
      whatIf(quick, at + 1, { name: "entropy", value: 0 }),
    );
    expect(both.some(({ less }) => less.length > 0)).toBe(true);
  });

  it("comes from the rule alone where the decoder went by another", () => {
    const { basis, more, both } = whatIf(slow, 30, { name: "confidence", value: 0.5 });
    expect(basis).toBe("rule");
    expect(both.length).toBe(1);
    for (const { confidence } of more) expect(confidence).toBeGreaterThanOrEqual(0.5);
  });

  it("can only be less where nothing but what was committed is known", () => {
    for (let step = 1; step <= bare.run.forwards; step++) {
      const { more, basis } = whatIf(bare, step, { name: "entropy", value: 3 });
      expect([more.length, basis]).toEqual([0, "committed"]);
    }
  });
});

it("policies of the fixtures are the decoders' own", () => {
  expect([student(0.5).name, teacher(8).name]).toEqual(["multi_block", "low_confidence"]);
});
