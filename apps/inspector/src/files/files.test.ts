import { describe, expect, it } from "vitest";
import { evaluationFiles, metricsLines, wordTokenizer } from "../../test/other-files.ts";
import { makeTrajectories } from "../../test/trajectories.ts";
import { answersOf, found, outcomeOf, promptOf } from "./evaluation.ts";
import { metricsOf, thinned } from "./metrics.ts";
import { open } from "./open.ts";
import { textsFrom } from "./vocabulary.ts";

const encoded = (text: string) => new TextEncoder().encode(text);

describe("an opened file", () => {
  it("is known by what it holds", async () => {
    const evaluation = await evaluationFiles();
    const kinds = await Promise.all(
      evaluation.map(async ({ name, bytes }) => (await open(name, bytes)).kind),
    );
    expect(kinds).toEqual(["results", "manifest", "samples", "trajectory"]);
    expect((await open("metrics.jsonl", encoded(metricsLines(50)))).kind).toBe("metrics");
    expect((await open("tokenizer.json", wordTokenizer(9))).kind).toBe("tokenizer");
  });

  it("may be the journal of a writer that was killed", async () => {
    const whole = await open("a.parquet", (await makeTrajectories())[2]!.bytes);
    if (whole.kind !== "trajectory") throw new Error("no trajectory");
    const { header, rows } = whole.file;
    const text = `${[header, ...rows].map((one) => JSON.stringify(one)).join("\n")}\n{"seq`;
    const journal = await open("a.parquet.journal", encoded(text));
    expect(journal).toMatchObject({ kind: "trajectory", file: { header, rows } });
  });

  it("is refused with its name where it is nothing we know", async () => {
    for (const [name, text] of [
      ["a.txt", "hello"],
      ["b.json", "[1]"],
      ["c.jsonl", '{"a": 1}\n'],
      ["d.json", '{"results": 3}'],
    ] as const) {
      await expect(open(name, encoded(text))).rejects.toThrow(name);
    }
  });
});

describe("metrics", () => {
  it("are curves; a line that is not whole yet is left out", () => {
    const text = metricsLines(500);
    const metrics = metricsOf(`${text}{"type":"step","step":9`);
    expect(metrics.loss.points).toHaveLength(50);
    expect(metrics.last?.step).toBe(500);
    expect(metrics.ratios).toHaveLength(10);
    expect(metrics.ratios[9]).toMatchObject({ name: "90–100 % masked", from: 0.9 });
    expect(metrics.ratios[0]!.points).toHaveLength(10);
    expect(metrics.evaluations.map(({ name }) => name)).toEqual(["nelbo", "nats_per_byte"]);
    expect(metrics.finish).toBeUndefined();
  });

  it("are thinned without losing a peak", () => {
    const points = Array.from({ length: 10_000 }, (_, step) => ({
      step,
      value: step === 7777 ? 99 : step % 7,
    }));
    const kept = thinned(points, 500);
    expect(kept.length).toBeLessThanOrEqual(502);
    expect(Math.max(...kept.map(({ value }) => value))).toBe(99);
    expect(kept.every(({ step }, at) => at === 0 || step > kept[at - 1]!.step)).toBe(true);
    expect(thinned(points.slice(0, 10), 500)).toHaveLength(10);
  });
});

describe("samples", () => {
  it("have an outcome, a prompt, answers, and can be searched", async () => {
    const file = await open("s.jsonl", (await evaluationFiles())[2]!.bytes);
    if (file.kind !== "samples") throw new Error("no samples");
    const { samples } = file;
    expect(
      ["right", "wrong", "unparsed"].map((kind) => samples.filter((one) => outcomeOf(one) === kind).length),
    ).toEqual([40, 15, 5]);
    expect(promptOf(samples[0]!)).toContain("Question:");
    expect(answersOf(samples[0]!)).toEqual(["2 plus 1 is 3. #### 3"]);
    expect(found(samples, "LIKES kites")).toHaveLength(5);
    expect(found(samples, " ")).toHaveLength(60);
    const chat = { ...samples[0]!, arguments: { gen_args_0: { arg_0: [{ role: "user", content: "hi" }] } } };
    expect(promptOf(chat)).toBe("[user]\nhi");
  });
});

it("a tokenizer beside a file gives its tokens texts", async () => {
  const opened = await open("a.parquet", (await makeTrajectories())[2]!.bytes);
  const tokenizer = await open("tokenizer.json", wordTokenizer(400));
  if (opened.kind !== "trajectory" || tokenizer.kind !== "tokenizer") throw new Error("other files");
  const texts = textsFrom(tokenizer.tokenizer, "tokenizer.json", opened.file);
  expect(texts.between).toBe(" ");
  expect(texts.texts["5"]).toBe("w5");
});
