import { describe, expect, it } from "vitest";
import { displayWidth } from "../terminal.ts";
import {
  OverallProgress,
  type OverallState,
  renderOverall,
  renderPlain,
  secondsLeft,
  shareDone,
} from "./overall-progress.ts";
import type { Stage } from "./stage.ts";

const stage = (name: string, seconds: number, lane?: string): Stage => {
  return { name, title: `Stage ${name}`, seconds, lane, run: async () => true };
};
const stages = [
  stage("a", 10),
  stage("b", 60, "first"),
  stage("c", 30, "first"),
  stage("d", 50, "second"),
  stage("e", 5),
];
const at = (index: number, done: number, seconds = 0) => {
  return { stage: stages[index]!, done, seconds, detail: "step 7" };
};
const state = (change: Partial<OverallState>): OverallState => {
  return { stages, running: [], ended: new Set("a"), ...change };
};

describe("what is left", () => {
  it("is what stages are thought to take, until a running one has shown its pace", () => {
    expect(secondsLeft(state({ ended: new Set() }))).toBe(10 + 90 + 5);
    expect(secondsLeft(state({ running: [at(1, 0.05, 30)] }))).toBeCloseTo(57 + 30 + 5);
    expect(secondsLeft(state({ running: [at(1, 0.5, 120)] }))).toBe(120 + 30 + 5);
    expect(secondsLeft(state({ ended: new Set("abcd"), running: [at(4, 1, 5)] }))).toBe(0);
  });

  it("is that of the longest lane", () => {
    const running = [at(1, 0.5, 10), at(3, 0.5, 40)];
    expect(secondsLeft(state({ running }))).toBe(10 + 30 + 5);
    expect(secondsLeft(state({ running: running.slice(1), ended: new Set("abc") }))).toBe(40 + 5);
  });

  it("counts stages by their length", () => {
    expect(shareDone(state({ running: [at(1, 0.5), at(3, 0.1)] }))).toBeCloseTo((10 + 30 + 5) / 155);
    expect(shareDone(state({ ended: new Set("abcde") }))).toBe(1);
  });
});

describe("the lines", () => {
  const running = [at(1, 0.5, 10), at(3, 0.5, 40)];

  it("say what every lane is at; the bar goes first, then the details, and all fit", () => {
    const lines = renderOverall(state({ running }), 80);
    expect(lines[0]).toMatch(/^━+─+ {2}2\/5 {2}45s left$/);
    expect(lines.slice(1)).toEqual(["Stage b  step 7", "Stage d  step 7"]);
    expect(renderOverall(state({ running }), 15)).toEqual(["2/5  45s left", "Stage b", "Stage d"]);
    for (let columns = 1; columns < 90; columns++) {
      for (const line of renderOverall(state({ running }), columns)) {
        expect(displayWidth(line)).toBeLessThan(columns);
      }
    }
    expect(renderPlain(state({ running }))).toBe("2/5  45s left  Stage b  step 7 | Stage d  step 7");
  });

  it("come now and then where nothing can be drawn again, and with every stage", () => {
    let time = 0;
    const lines: string[] = [];
    const output = { write: (text: string) => lines.push(text.trimEnd()) > 0 };
    const progress = new OverallProgress(stages, output, () => time);
    progress.skip(stages[0]!);
    progress.begin(stages[1]!);
    progress.begin(stages[3]!);
    for (let step = 1; step <= 12; step++) {
      time = 1000 * step;
      progress.report(stages[1]!, step / 60, `step ${step}`);
    }
    progress.end(stages[1]!);
    progress.end(stages[1]!);
    time += 500;
    progress.end(stages[3]!);
    progress.close();
    expect(lines).toEqual([
      "Stage a: done before",
      "2/5  1m 35s left  Stage b",
      "2/5  1m 35s left  Stage b | Stage d",
      "2/5  1m 30s left  Stage b  step 5 | Stage d",
      "2/5  1m 25s left  Stage b  step 10 | Stage d",
      "Stage b: 12s",
      "Stage d: 13s",
    ]);
  });
});
