import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { liveTensors } from "@unmask/torch";
import { afterAll, expect, test } from "vitest";
import { tinyFamilies, tinyModel } from "../../test/tiny-models.ts";
import { load } from "../generate/load.ts";
import { encodeCandidate, scoreItem } from "./score-choices.ts";
import type { ChooseItem } from "./tasks/task.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-score-"));
afterAll(() => rmSync(root, { recursive: true }));

const item: ChooseItem = {
  ...{ id: "1", row: 1, gold: [0] },
  candidates: ["x", "y", "no"].map((choice) => ({ context: "a ?", continuation: ` ${choice}`, choice })),
};

test.each(tinyFamilies)("%s: likelihoods of choices", async (family) => {
  const model = await load(await tinyModel(root, family));
  try {
    const options = { draws: 8, seed: 3, sequence: 0 };
    const scores = scoreItem(model, item, options);
    const before = liveTensors();
    expect(scores.map(({ tokens }) => tokens)).toEqual([2, 2, 3]);
    expect(scores.every(({ nll, isExact }) => nll > 0 && isExact)).toBe(true);
    expect(scoreItem(model, item, { ...options, batchSize: 1 }).map(({ nll }) => nll)).toEqual(
      scores.map(({ nll }) => expect.closeTo(nll, 4)),
    );
    const few = scoreItem(model, item, { ...options, draws: 2 });
    expect(few[0]).toMatchObject({ isExact: family === "sdar" });
    expect(liveTensors()).toEqual(before);
  } finally {
    model.dispose();
  }
});

test("white space at the end of a context goes to the continuation", async () => {
  const model = await load(await tinyModel(root, "llada"));
  try {
    const decode = (ids: ArrayLike<number>) => model.tokenizer!.decode(Int32Array.from(Array.from(ids)));
    const { context, continuation } = encodeCandidate(model, { context: "a: ", continuation: "b" });
    expect([decode(context), decode(continuation)]).toEqual(["a:", " b"]);
    expect(encodeCandidate(model, { context: "", continuation: "b" }).context).toEqual([]);
  } finally {
    model.dispose();
  }
});
