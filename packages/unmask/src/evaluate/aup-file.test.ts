import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { DataError, UsageError } from "../base/errors.ts";
import { parseAupFile } from "./aup-file.ts";
import { aupReport } from "./aup-report.ts";

const parse = (text: string) => parseAupFile(text, "f.yaml");
const report = (text: string, options = {}) => aupReport(new Map([["f", parse(text)]]), options);
const first = (text: string) => report(text).tasks[0]!.methods[0]!;

describe("the layouts", () => {
  const points = [
    { parallelism: 1, accuracy: 72.5 },
    { parallelism: 2.5, accuracy: 70 },
  ];

  it.each([
    ["pairs", "T:\n  M:\n  - [1.0, 72.5]\n  - [2.5, 70]\n"],
    ["lists", "T: {M: {tpf: [1, 2.5], accuracy: [72.5, 70]}}"],
    ["lists by other names", "T: {M: {rho: [1, 2.5], accuracy: [72.5, 70]}}"],
    ["points", "T: {M: [{parallelism: 1, accuracy: 72.5}, {tpf: 2.5, accuracy: 70}]}"],
    ["a task with methods", "T: {methods: {M: [[1, 72.5], [2.5, 70]]}}"],
    ["tasks", "notes: mine\ntasks: {T: {M: [[1, 72.5], [2.5, 70]]}}"],
    ["data sets", "datasets: {f: {T: {M: [[1, 72.5], [2.5, 70]]}}}"],
    ["JSON", '{"T": {"M": [[1, 72.5], [2.5, 70]]}}'],
  ])("%s", (_, text) => {
    const [task] = report(text).tasks;
    expect(task).toMatchObject({ dataset: "f", name: "T", best: 72.5, methods: [{ name: "M", points }] });
  });

  it("verdicts stand for the accuracy, and bring intervals", () => {
    const {
      points: found,
      intervals,
      warnings,
    } = first("T: {M: {tpf: [1], verdicts: [[1, true, 0, false]]}}");
    expect(found).toEqual([{ parallelism: 1, accuracy: 50, verdicts: [true, true, false, false] }]);
    expect(intervals!.accuracy[0]!.low).toBeLessThan(50);
    expect(warnings).toEqual([]);
    expect(first("T: {M: [{tpf: 1, accuracy: 66.67, verdicts: [1, 1, 0]}]}").points[0]!.accuracy).toBeCloseTo(
      66.6667,
      4,
    );
    expect(first("T: {M: {tpf: [1], verdicts: [[1, 1]]}}").warnings).toEqual([
      "the verdicts of a point are all alike: its interval has no width, which is too narrow",
    ]);
  });

  it("settings: of the file, of the call, and y_max of a task", () => {
    const text =
      "arguments: {alpha: 1, y_min_offset: 12}\ntasks: {T: {y_max: 80, methods: {M: [[1, 60], [3, 50]]}}}";
    expect(report(text)).toMatchObject({ alpha: 1, offset: 12, tasks: [{ best: 80 }] });
    const called = report(text, { alpha: 2, offset: 20, best: new Map([["T", 90]]) });
    expect(called).toMatchObject({ alpha: 2, offset: 20, tasks: [{ best: 90 }] });
    expect(() => report(text, { best: new Map([["TT", 90]]) })).toThrow(
      'no task is called "TT" (did you mean "T"?)',
    );
  });
});

describe("what is wrong with a file", () => {
  it.each([
    ["T: {M: {tpf: [1], acuracy: [50]}}", 'f.yaml: T › M: unknown key "acuracy" (did you mean "accuracy"?)'],
    ["T: {y_max: 80, method: {M: [[1, 50]]}}", 'f.yaml: T: unknown key "method" (did you mean "methods"?)'],
    [
      "tasks: {T: {M: [[1, 50]]}}\nargument: {}",
      'f.yaml: unknown key "argument" (did you mean "arguments"?)',
    ],
    [
      "tasks: {T: {M: [[1, 50]]}}\narguments: {alhpa: 2}",
      'f.yaml: arguments: unknown key "alhpa" (did you mean "alpha"?)',
    ],
    ["tasks: {T: {M: [[1, 50]]}}\narguments: {y_max: 2}", "f.yaml: arguments: y_max belongs to one task"],
    [
      "tasks: {T: {M: [[1, 50]]}}\narguments: {alpha: x}",
      'f.yaml: arguments › alpha: is "x"; expected a number',
    ],
    [
      "T: {y_max: 0, methods: {M: [[1, 50]]}}",
      "f.yaml: T › y_max: is 0; expected a number above 0, at most 100",
    ],
    ["T: {M: [[1, 50], [2]]}", "f.yaml: T › M › 1: is [2]; write [tokens per forward, accuracy]"],
    ["T: {M: {accuracy: [50]}}", "f.yaml: T › M: give one of tpf, parallelism, rho (none of them is there)"],
    ["T: {M: {rho: [1], tpf: [1], accuracy: [50]}}", "(tpf and rho are both there)"],
    ["T: {M: 5}", "f.yaml: T › M: is 5; expected keys"],
    ["T: {}", "f.yaml: T: holds no method"],
    ["{}", "f.yaml: holds no task"],
    ["", "f.yaml: is null; expected keys"],
    ["[1, 2]", "f.yaml: is [1,2]; expected keys"],
    ["T: {M: [[1, 50]]\n", "f.yaml, line 2: not valid YAML"],
    ["T: {M: [[1, 50]], M: [[1, 60]]}", "f.yaml, line 1: not valid YAML (Map keys must be unique"],
  ])("%j", (text, words) => {
    expect(() => parse(text)).toThrow(words);
    expect(() => parse(text)).toThrow(DataError);
  });

  it.each([
    ["{tpf: [1, 2], accuracy: [50]}", "1 values of accuracy for 2 parallelisms; give one a point"],
    ["{tpf: [1], accuracy: [50, 60]}", "2 values of accuracy for 1 parallelism; give one a point"],
    ["{tpf: [1]}", "the accuracy is missing; give accuracy, per cent, or verdicts"],
    ["{tpf: 1, accuracy: [50]}", "parallelism is 1; expected a list of numbers"],
    ["{tpf: [1], accuracy: ['74 %']}", 'accuracy[0] is "74 %"; expected a number'],
    ["{tpf: [1], verdicts: [[1, 2]]}", "verdicts[0][1] is 2; expected 0 or 1"],
    ["{tpf: [1], verdicts: [1, 0]}", "verdicts[0] is 1; expected"],
    ["{tpf: [1], verdicts: [[]]}", "a list of verdicts is empty; give one a question"],
    [
      "{tpf: [1], accuracy: [60], verdicts: [[1, 0]]}",
      "an accuracy is 60 %, its verdicts say 50.00 %; correct one",
    ],
    ["[[1, .nan]]", "accuracy[0] is NaN; expected a number"],
    ["[]", "the curve has no points; give at least one"],
    ["[[0, 50]]", "a parallelism is 0; give tokens per forward, above 0"],
    ["[[1, 60], [2, 50]]", "the curve ends at 50 %"],
    [
      "[{tpf: 1, verdicts: [1, 0]}, {tpf: 2, verdicts: [1]}]",
      "1 verdicts at parallelism 2, 2 at the first point",
    ],
  ])("a method's own problem leaves the others alone: %s", (curve, words) => {
    const [wrong, right] = report(`T: {wrong: ${curve}, right: [[1, 55], [2, 55]]}`).tasks[0]!.methods;
    expect(wrong!.problem).toContain(words);
    expect(wrong!.aup).toBeUndefined();
    expect(right!.problem).toBeUndefined();
    expect(right!.aup).toBeGreaterThan(55);
  });
});

describe("averages", () => {
  const fixture = fileURLToPath(new URL("../../test/parity/fixtures/aup/leaderboard.json", import.meta.url));
  const leaderboard = parseAupFile(readFileSync(fixture, "utf8"), fixture);

  // aup/leaderboard_average: what d3LLM's main.py gives, and how many tasks it adds up.
  it.each([
    ["EAGLE-3", 305.32525196243057, 5],
    ["d3LLM-LLaDA", 274.2845950199068, 5],
    ["d3LLM-Dream", 221.66987512793918, 5],
    ["dParallel-LLaDA", 175.17802601332437, 5],
    ["dParallel-Dream", 158.56167051251512, 5],
    ["Fast-dLLM-v2-7B", 150.61285560537357, 5],
    ["d3LLM-Coder-7B", 147.43496699335566, 4],
    ["Qwen-2.5-7B-it", 132.6, 10],
    ["D2F", 110.9286234594867, 5],
    ["Fast-dLLM-LLaDA", 107.79367390157131, 5],
    ["Fast-dLLM-Dream", 85.82878938549409, 5],
    ["Qwen2.5-Coder-7B", 64.5, 4],
    ["Dream", 62.983999999999995, 5],
    ["Dream-Coder-7B", 61.67999999999999, 4],
    ["LLaDA", 52.666, 5],
  ])("%s", (name, published, tasks) => {
    const found = aupReport(new Map([["all", leaderboard]])).averages.find((one) => one.name === name)!;
    expect(Math.abs(found.sumOverFive! / published - 1)).toBeLessThan(1e-9);
    expect(found.mean!).toBeCloseTo((5 * published) / tasks, 9);
    expect([found.tasks, found.scored]).toEqual([tasks, tasks]);
  });

  it("agrees with every score that the file states", () => {
    const { tasks } = aupReport(new Map([["all", leaderboard]]));
    expect(tasks.flatMap(({ methods }) => methods.flatMap(({ warnings }) => warnings))).toEqual([]);
    expect(tasks.map(({ best }) => best)).toEqual(leaderboard.tasks.map(({ best }) => best));
    expect(first("T: {M: {tpf: [1], accuracy: [50], aup: 50.01}}").warnings[0]).toMatch(
      /states an AUP of 50.01/,
    );
  });

  it("has none for a method without a score on one of its tasks", () => {
    const { averages } = report("A: {M: [[1, 60]], N: [[1, 50]]}\nB: {M: [[1, 60], [2, 10]], N: [[1, 50]]}");
    expect(averages).toEqual([
      { name: "N", tasks: 2, scored: 2, mean: 50, sumOverFive: 20 },
      { name: "M", tasks: 2, scored: 1 },
    ]);
  });

  it("are not mixed of different settings", () => {
    const other = parse("arguments: {alpha: 2}\ntasks: {T: {M: [[1, 60]]}}");
    const files = new Map([
      ["a", other],
      ["b", parse("T: {M: [[1, 60]]}")],
    ]);
    expect(() => aupReport(files)).toThrow("the files say alpha 2 and 3, and such scores cannot be compared");
    expect(() => aupReport(files)).toThrow(UsageError);
    expect(aupReport(files, { alpha: 3 }).tasks).toHaveLength(2);
  });
});
