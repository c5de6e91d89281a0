import { describe, expect, it } from "vitest";
import type { EventOf, TrainEvent } from "../train/events.ts";
import { duration, gigabytes, short } from "./numbers.ts";
import {
  advance,
  newProgress,
  render,
  renderBar,
  renderPlain,
  renderStart,
  TrainProgress,
} from "./progress.ts";
import { displayWidth, styles } from "./terminal.ts";

const plain = styles(false);

const start: EventOf<"start"> = {
  method: "rows",
  trainedParameters: 1e6,
  batchSize: 64,
  workers: 1,
  type: "start",
  folder: "runs/a",
  parameters: 642_000,
  rows: 900,
  rowLength: 64,
  heldOutRows: 100,
  steps: 5000,
  fromStep: 0,
  estimatedBytes: 2 ** 30,
  dtype: "bfloat16",
  threads: 2,
  warnings: ["something odd"],
};

const step = (number: number, steps = 5000): TrainEvent => ({
  type: "step",
  step: number,
  steps,
  loss: 9,
  smoothedLoss: 1.9234,
  learningRate: 1e-3,
  gradientNorm: 1,
  tokensPerSecond: 12_345,
  seconds: 20,
  secondsLeft: 80,
});

const evaluate: TrainEvent = { type: "evaluate", step: 1250, metrics: { nelbo: 1.8765, nats_per_byte: 0.5 } };

const state = [start, step(1250), evaluate].reduce(advance, newProgress());

describe("render", () => {
  it("shows step, smoothed loss, held-out NELBO, speed and time left", () => {
    const line = render(state, 120, plain);
    for (const part of [
      "1250/5000",
      "loss 1.923",
      "held out 1.877 nats/token",
      "12.3k tokens/s",
      "1m 20s left",
    ]) {
      expect(line).toContain(part);
    }
    expect(line).toMatch(/^━{6}─{18} /);
  });

  it("fits every width and keeps step and loss as long as it can", () => {
    for (let columns = 1; columns < 130; columns++) {
      expect(displayWidth(render(state, columns, styles(true)))).toBeLessThan(Math.max(1, columns));
    }
    expect(render(state, 45, plain)).toContain("1250/5000  loss 1.923");
    expect(render(state, 45, plain)).not.toContain("━");
    expect(render(state, 12, plain)).toBe("1250/5000");
  });

  it("follows time where steps are not limited", () => {
    const timed = advance(newProgress(), step(77, Number.POSITIVE_INFINITY));
    expect(render(timed, 120, plain)).toMatch(/^━{5}─{19} {2}77 {2}loss/);
    expect(renderPlain(timed)).toMatch(/^step 77 · /);
  });

  it("has something to say before the first step", () => {
    expect(render(newProgress(), 80, plain)).toContain("0/0");
    expect(renderPlain(advance(newProgress(), start))).toBe("step 0/5000");
  });

  it("keeps the bar inside its width", () => {
    expect(renderBar(-1, 4, plain)).toBe("────");
    expect(renderBar(7, 4, plain)).toBe("━━━━");
  });
});

describe("renderStart", () => {
  it("says what will be trained and where a run goes on", () => {
    expect(renderStart(start)).toBe(
      "runs/a: 642k parameters, 900 rows of 64 tokens, 100 held out\n5000 steps, bfloat16 products, 2 threads, about 1.0 GiB of memory",
    );
    expect(renderStart({ ...start, fromStep: 500, heldOutRows: 0 })).toContain("going on from step 500");
  });
});

describe("TrainProgress without a terminal", () => {
  it("prints a line every five seconds and at evaluations; warnings go elsewhere", () => {
    const out: string[] = [];
    const errors: string[] = [];
    let now = 0;
    const progress = new TrainProgress({
      output: { write: (text: string) => out.push(text) > 0 },
      errors: { write: (text: string) => errors.push(text) > 0 },
      now: () => now,
      env: {},
    });
    progress.onEvent(start);
    for (let number = 1; number <= 120; number++) {
      now += 100;
      progress.onEvent(step(number));
    }
    progress.onEvent(evaluate);
    progress.onEvent({ type: "finish", reason: "done", step: 120, seconds: 12, metrics: { nelbo: 1 } });
    progress.end();
    expect(errors).toEqual(["warning: something odd\n"]);
    const steps = out.filter((line) => line.startsWith("step"));
    expect(steps.map((line) => line.split(" ")[1])).toEqual(["1/5000", "51/5000", "101/5000", "120/5000"]);
    expect(steps.at(-1)).toContain("held out 1.8765");
    expect(out.join("")).not.toContain("\x1b");
  });
});

describe("numbers", () => {
  it("are short", () => {
    expect([0.04, 9.9, 59.6, 80, 3600, 7500, Number.POSITIVE_INFINITY].map(duration)).toEqual([
      "0.0s",
      "9.9s",
      "1m 0s",
      "1m 20s",
      "1h 0m",
      "2h 5m",
      "?",
    ]);
    expect([0, 812, 999.9, 12_345, 99_960, 999_600, 4e6].map(short)).toEqual([
      "0",
      "812",
      "1.0k",
      "12.3k",
      "100k",
      "1.0M",
      "4.0M",
    ]);
    expect([1, 2 ** 29, 1.5 * 2 ** 30].map(gigabytes)).toEqual(["1 MiB", "512 MiB", "1.5 GiB"]);
  });
});
