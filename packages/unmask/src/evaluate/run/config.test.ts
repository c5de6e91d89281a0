import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { resolveConfig } from "../../cli/config.ts";
import { decoders } from "../../decode/decoders.ts";
import { evalConfigSchema, sweepConfigSchema, taskConfigs } from "./config.ts";
import { folderName, sweepVariants } from "./sweep.ts";

const base = { model: "m", tasks: ["gsm8k"] };
const resolve = (overrides: readonly string[], values: Record<string, unknown> = base) =>
  resolveConfig(evalConfigSchema, { base: values, overrides }).config;
const messageOf = (body: () => unknown): string => {
  try {
    body();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("accepted");
};

describe("the configuration", () => {
  it("takes every option of every decoder, by its name and its aliases", () => {
    for (const { name, options } of decoders) {
      for (const [option, spec] of Object.entries(options)) {
        const value =
          spec.default ?? (spec.kind === "flag" ? true : spec.kind === "choice" ? spec.choices![0] : 1);
        for (const one of [option, ...(spec.aliases ?? [])]) {
          const { decoder_options } = resolve([], {
            ...base,
            decoder: name,
            decoder_options: { [one]: value },
          });
          expect(decoder_options).toEqual({ [one]: value });
        }
      }
    }
  });

  it("refuses unknown keys with the nearest, in groups and in lists", () => {
    expect(messageOf(() => resolve(["decoder_options.treshold=0.5"]))).toContain(
      'did you mean "decoder_options.threshold"?',
    );
    expect(messageOf(() => resolve(["batchsize=3"]))).toContain('did you mean "batch_size"?');
    expect(messageOf(() => resolve(["tasks.0.dta=x"]))).toContain('did you mean "tasks.0.data"?');
    expect(messageOf(() => resolve(["tasks=[{name: a, limt: 3}]"]))).toContain(
      'did you mean "tasks.0.limit"?',
    );
    expect(messageOf(() => resolve(["tasks.x.data=y"]))).toContain('unknown key "tasks.x.data"');
  });

  it("says what is wrong in a list's entry", () => {
    const wrong = messageOf(() => resolve([], { ...base, tasks: ["a", { name: "b", limit: 0 }] }));
    expect(wrong).toContain("tasks.1.limit is 0; expected a whole number of at least 1");
    expect(messageOf(() => resolve([], { ...base, tasks: [] }))).toContain("tasks");
    expect(messageOf(() => resolve(["tasks.2.data=x"]))).toContain(
      "2 is no place in a list of 1; give 0 to 1",
    );
  });

  it("changes entries of lists, and names become groups", () => {
    const { tasks } = resolve(["tasks.0.limit=5", "tasks.0.data=f", "tasks.1.name=mbpp"]);
    expect(tasks).toEqual([{ name: "gsm8k", limit: 5, data: "f" }, { name: "mbpp" }]);
  });

  it("what is said of all tasks holds for those that say nothing of their own", () => {
    const tasks = ["a", { name: "b", limit: 2, num_fewshot: 0 }];
    const config = resolve(["limit=9", "num_fewshot=4", "max_new_tokens=64"], { ...base, tasks });
    expect(taskConfigs(config)).toMatchObject([
      { name: "a", limit: 9, num_fewshot: 4, max_new_tokens: 64 },
      { name: "b", limit: 2, num_fewshot: 0, max_new_tokens: 64 },
    ]);
  });
});

it("the page's examples are configurations", () => {
  const page = readFileSync(new URL("../../../../../docs/evaluation.md", import.meta.url), "utf8");
  const [whole, sweep] = [...page.matchAll(/^```yaml\n(.*?)^```/gms)].map(
    ([, text]) => parse(text!) as object,
  );
  expect(evalConfigSchema.parse(whole)).toMatchObject({ decoder: "multi_block", processes: 2 });
  expect(sweepVariants(sweepConfigSchema.parse({ ...base, ...sweep }))).toHaveLength(6);
});

describe("a sweep", () => {
  const sweepOf = (sweep: unknown) => {
    const { config } = resolveConfig(sweepConfigSchema, {
      base: { ...base, sweep, decoder: "dream" },
    });
    return sweepVariants(config);
  };

  it("has a point a value, or evenly spaced ones", () => {
    expect(sweepOf([{ option: "steps", values: [8, 4] }])).toMatchObject([
      { label: "steps=8", method: "dream", decoder: "dream", decoder_options: { steps: 8 } },
      { label: "steps=4", method: "dream", decoder: "dream", decoder_options: { steps: 4 } },
    ]);
    const points = sweepOf([{ option: "threshold", from: 0.1, to: 0.7, count: 4 }]);
    expect(points.map(({ value }) => value)).toEqual([0.1, 0.3, 0.5, 0.7]);
  });

  it("compares methods, each with its own decoder", () => {
    const points = sweepOf([
      { option: "steps", values: [8] },
      {
        method: "fast",
        decoder: "multi_block",
        decoder_options: { block_length: 32 },
        option: "threshold",
        values: [0.5],
      },
    ]);
    expect(points).toMatchObject([
      { label: "dream steps=8" },
      {
        label: "fast threshold=0.5",
        decoder: "multi_block",
        decoder_options: { block_length: 32, threshold: 0.5 },
      },
    ]);
    expect(folderName("fast threshold=0.5")).toBe("fast_threshold=0.5");
  });

  it("refuses the same point twice, and half a range", () => {
    expect(messageOf(() => sweepOf([{ option: "steps", values: [8, 8] }]))).toContain(
      "the sweep has steps=8 twice",
    );
    for (const wrong of [
      { option: "steps" },
      { option: "steps", from: 1, to: 2 },
      { option: "steps", values: [1], from: 1, to: 2, count: 2 },
    ]) {
      expect(messageOf(() => sweepOf([wrong]))).toContain("give values, or from, to and count");
    }
  });
});
