import { describe, expect, it } from "vitest";
import { displayWidth } from "../terminal.ts";
import {
  OverallProgress,
  type OverallState,
  renderOverall,
  secondsLeft,
  shareDone,
} from "./overall-progress.ts";
import type { Stage } from "./stage.ts";

const stages = [10, 60, 30].map((seconds, at): Stage => {
  return { name: `s${at}`, title: `Stage ${at}`, seconds, run: async () => true };
});
const state = (change: Partial<OverallState>): OverallState => {
  return { stages, at: 1, done: 0, detail: "step 7", seconds: 0, ...change };
};

describe("what is left", () => {
  it("is what stages are thought to take, until the running one has shown its pace", () => {
    expect(secondsLeft(state({}))).toBe(90);
    expect(secondsLeft(state({ done: 0.05, seconds: 30 }))).toBeCloseTo(57 + 30);
    expect(secondsLeft(state({ done: 0.5, seconds: 120 }))).toBe(120 + 30);
    expect(secondsLeft(state({ at: 2, done: 1, seconds: 5 }))).toBe(0);
  });

  it("counts stages by their length", () => {
    expect(shareDone(state({ done: 0.5 }))).toBe(0.4);
    expect(shareDone(state({ at: 2, done: 1 }))).toBe(1);
  });
});

describe("the line", () => {
  it("loses the bar first, then the detail, and always fits", () => {
    expect(renderOverall(state({}), 80)).toMatch(/^━+─+ {2}2\/3 {2}Stage 1 {2}step 7 {2}1m 30s left$/);
    expect(renderOverall(state({}), 38)).toBe("2/3  Stage 1  step 7  1m 30s left");
    expect(renderOverall(state({}), 30)).toBe("2/3  Stage 1  1m 30s left");
    for (let columns = 1; columns < 90; columns++) {
      expect(displayWidth(renderOverall(state({}), columns))).toBeLessThan(columns);
    }
  });

  it("comes now and then where nothing can be drawn again, and with every stage", () => {
    let time = 0;
    const lines: string[] = [];
    const output = { write: (text: string) => lines.push(text.trimEnd()) > 0 };
    const progress = new OverallProgress(stages, output, () => time);
    progress.skip(stages[0]!);
    progress.begin(stages[1]!, 1);
    for (let step = 1; step <= 12; step++) {
      time = 1000 * step;
      progress.report(step / 60, `step ${step}`);
    }
    progress.begin(stages[2]!, 2);
    time += 500;
    progress.end(true);
    expect(lines).toEqual([
      "Stage 0: done before",
      "2/3  Stage 1  1m 30s left",
      "2/3  Stage 1  step 5  1m 25s left",
      "2/3  Stage 1  step 10  1m 20s left",
      "Stage 1: 12s",
      "3/3  Stage 2  30s left",
      "Stage 2: 0.5s",
    ]);
  });
});
