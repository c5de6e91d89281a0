import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { generator, streams } from "../../base/rng.ts";
import { describeProblems, type ProblemSize, sampleProblem } from "../../language/arithmetic.ts";
import { sampleStory } from "../../language/sample.ts";
import { describe as figures, storyGrammar, storySizes } from "../../language/stories.ts";
import type { OpenGenerateTask, TaskOptions } from "./task.ts";
import { findTask, taskNames } from "./tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "unmask-language-"));
afterAll(() => rmSync(folder, { recursive: true }));

const open = async (name: string, options: TaskOptions = {}) =>
  (await (await findTask(name)).open(options)) as OpenGenerateTask;

const uniformOf = (sequence: number) => generator({ seed: 7, stream: streams.story, sequence, step: 0 });

test("free_text asks with nothing and measures how even the words are", async () => {
  const task = await open("free_text", { limit: 3 });
  expect(task.items.map(({ prompt }) => prompt.text)).toEqual(["", "", ""]);
  const texts = ["a b a b", "a a", ""];
  const graded = await task.grade(texts.map((text, n) => ({ id: String(n + 1), responses: [text] })));
  expect(graded.map(({ scores }) => scores["word_entropy,none"])).toEqual([Math.log(2), 0, 0]);
  expect(graded.map(({ verdicts }) => verdicts[0]!.unparsed)).toEqual([false, false, true]);
});

describe.each(storySizes)("stories_%s", (size) => {
  const grammar = storyGrammar(size);
  const drawn = Array.from({ length: 256 }, (_, n) => sampleStory(grammar, uniformOf(n)).join(" "));

  test("stories of the grammar are valid and cost its entropy", async () => {
    const task = await open(`stories_${size}`);
    expect(task.items).toHaveLength(256);
    expect(task.items[0]!.prompt.text).toBe("");
    expect(task.generation.maxNewTokens).toBe(figures(size).words + 1);
    const graded = await task.grade(drawn.map((story, n) => ({ id: String(n + 1), responses: [story] })));
    expect(graded.every(({ scores }) => scores["valid,none"] === 1)).toBe(true);
    const mean = graded.reduce((sum, { scores }) => sum + scores["nll_per_word,none"]!, 0) / graded.length;
    // The channel that makes every text possible costs a little over 0.01 nats a word.
    expect(mean).toBeGreaterThan(figures(size).entropyPerToken - 0.1);
    expect(mean).toBeLessThan(figures(size).entropyPerToken + 0.15);
  });

  test("other texts are not, and say why", async () => {
    const task = await open(`stories_${size}`, { limit: 3 });
    const broken = drawn[0]!.split(" ").with(0, ".").join(" ");
    const graded = await task.grade(
      [broken, "", "nonsense"].map((text, n) => ({ id: String(n + 1), responses: [text] })),
    );
    for (const { scores, verdicts } of graded) {
      expect(scores["valid,none"]).toBe(0);
      expect(Number.isFinite(scores["nll_per_word,none"])).toBe(true);
      expect(verdicts[0]!.reason).not.toBe("");
    }
    expect(graded.map(({ verdicts }) => verdicts[0]!.unparsed)).toEqual([false, true, false]);
  });

  test("ten of them may stand one after another", async () => {
    const task = await open(`stories_${size}_packed`, { limit: 3 });
    const { words } = figures(size);
    expect(task.generation.maxNewTokens).toBe(10 * words + 1);
    const ten = drawn.slice(0, 10);
    const texts = [ten, ten.with(3, ten[3]!.split(" ").with(0, ".").join(" ")), ten.slice(0, 4)];
    const graded = await task.grade(
      texts.map((text, n) => ({ id: String(n + 1), responses: [text.join(" ")] })),
    );
    expect(graded.map(({ scores }) => scores["valid,none"])).toEqual([1, 0.9, 0.4]);
    expect(graded.map(({ verdicts }) => verdicts[0]!.correct)).toEqual([true, false, false]);
    expect(graded[1]!.verdicts[0]!.reason).toMatch(/^story 4: /);
    const alone = await (await open(`stories_${size}`)).grade(
      ten.map((story, n) => ({ id: String(n + 1), responses: [story] })),
    );
    const mean = alone.reduce((sum, { scores }) => sum + scores["nll_per_word,none"]! / 10, 0);
    expect(graded[0]!.scores["nll_per_word,none"]).toBeCloseTo(mean, 9);
    expect(graded[2]!.scores["nll_per_word,none"]).toBeGreaterThan(mean);
  });

  test("with a beginning given, only its ends are valid", async () => {
    const task = await open(`stories_${size}_prompted`, { limit: 40 });
    const prompts = task.items.map(({ prompt }) => prompt.text);
    expect(new Set(prompts).size).toBeGreaterThan(1);
    expect(prompts.every((prompt) => prompt.endsWith("."))).toBe(true);
    const story = sampleStory(grammar, uniformOf(0)).join(" ");
    const file = join(folder, `${size}.jsonl`);
    const prompt = prompts[0]!;
    writeFileSync(
      file,
      `${JSON.stringify({ prompt: story.slice(0, story.indexOf(".") + 1) })}\n${JSON.stringify({ prompt })}\n`,
    );
    const own = await open(`stories_${size}_prompted`, { data: file });
    const [right, wrong] = await own.grade([
      { id: "1", responses: [story.slice(story.indexOf(".") + 2)] },
      { id: "2", responses: [""] },
    ]);
    expect(right!.scores["valid,none"]).toBe(1);
    expect(wrong!.scores["valid,none"]).toBe(0);
  });
});

describe.each(["tiny", "small", "medium", "large"] as const)("problems_%s", (size: ProblemSize) => {
  const names = taskNames.filter((name) => name.startsWith(`problems_${size}`));

  test.each(names)("%s: the solution is right, others say why", async (name) => {
    const wording = name.includes("varied") ? "varied" : "plain";
    const file = join(folder, `${name}.jsonl`);
    const solved = Array.from({ length: 30 }, (_, n) => sampleProblem(uniformOf(n), size, wording));
    writeFileSync(file, solved.map(({ question }) => `${JSON.stringify({ prompt: question })}\n`).join(""));
    const task = await open(name, { data: file });
    const write = (answer: number) =>
      task.name.includes("large") ? [...String(answer)].join(" ") : String(answer);
    const graded = await task.grade(
      solved.map(({ reasoning, answer }, n) => ({
        id: String(n + 1),
        responses: [` ${reasoning} answer ${write(answer)}`, `answer ${write(answer + 1)}`, ""],
      })),
    );
    for (const [n, { scores, verdicts }] of graded.entries()) {
      const third = expect.closeTo(1 / 3, 12);
      expect(scores).toEqual({ "answer,none": third, "reasoning,none": third, "faithful,none": third });
      expect(verdicts.map(({ correct, unparsed }) => [correct, unparsed])).toEqual([
        [true, false],
        [false, false],
        [false, !name.endsWith("faithful")],
      ]);
      expect(task.metrics[0]!.name).toBe(name.endsWith("faithful") ? "faithful,none" : "answer,none");
      expect(task.items[n]!.target).toBe(String(solved[n]!.answer));
    }
    const longest = Math.max(
      ...solved.map(({ text, question }) => text.split(" ").length - question.split(" ").length),
    );
    expect(task.generation.maxNewTokens).toBeGreaterThan(longest);
    expect(task.generation.maxNewTokens).toBeLessThan(describeProblems(size, wording).maxWords);
  });
});

test("rows are the same whatever is asked for, and say where they come from", async () => {
  const [few, many] = [
    await open("problems_small", { limit: 5 }),
    await open("problems_small", { limit: 300 }),
  ];
  expect(many.items.slice(0, 5)).toEqual(few.items);
  expect(many.items).toHaveLength(300);
  expect(few.provenance.data).toEqual({ source: "made from seed 20260821", rows: 5 });
});

test("a row that is no problem is named", async () => {
  const file = join(folder, "wrong.jsonl");
  writeFileSync(file, `{"question":"how ?"}\n`);
  await expect(open("problems_small", { data: file })).rejects.toThrow(
    'wrong.jsonl, row 1: question is "how ?"; a problem of the synthetic language is needed',
  );
});
