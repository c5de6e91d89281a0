import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError } from "../base/errors.ts";
import { wordTokenizer } from "../text/new-tokenizer.ts";
import { type TrainConfig, trainConfigSchema } from "./config.ts";
import { exampleOrder, loadTrainingData } from "./data.ts";

const folder = mkdtempSync(join(tmpdir(), "unmask-data-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function configFor(name: string, text: string, more: Record<string, object> = {}): TrainConfig {
  const path = join(folder, name);
  writeFileSync(path, text);
  const { data = {}, ...rest } = more;
  return trainConfigSchema.parse({
    data: { path, ...data },
    model: { length: 8, hidden_size: 16, heads: 2 },
    ...rest,
  });
}

const stories = ["one two three", "two one", "three three three", "one"];
const jsonl = stories.map((text) => `${JSON.stringify({ text })}\n`).join("");
const words = { tokenizer: { kind: "words" } };

describe("loadTrainingData", () => {
  it("cuts a text into rows of bytes and holds its end out", async () => {
    const text = "abcdefghij".repeat(10);
    const { train, heldOut, tokenizer, maskId, ignoreBos, tokensPerByte } = await loadTrainingData(
      configFor("a.txt", text, { data: { held_out: 0.2 } }),
    );
    expect({ rows: train.count, length: train.length, held: heldOut.count }).toEqual({
      rows: 11,
      length: 8,
      held: 3,
    });
    expect(tokenizer.decode([...train.ids.slice(0, 80)])).toBe(text.slice(0, 80));
    expect(maskId).toBe(tokenizer.vocabularySize - 1);
    expect(ignoreBos).toBe(false);
    expect(tokensPerByte).toBeCloseTo(24 / 20, 12);
    expect([...train.ids].includes(maskId)).toBe(false);
  });

  it("gives each document a row with pad, which begins and ends with the end token", async () => {
    const config = configFor("b.jsonl", jsonl, { ...words, data: { layout: "pad", held_out: 0.25 } });
    const { train, heldOut, tokenizer, ignoreBos } = await loadTrainingData(config);
    const { eos } = tokenizer.specials;
    expect(ignoreBos).toBe(true);
    expect(train.count).toBe(3);
    const second = [...train.ids.slice(8, 16)];
    expect([second[0], ...second.slice(3)]).toEqual([eos, eos, eos, eos, eos, eos]);
    expect(tokenizer.decode(second.slice(1, 3))).toBe("two one");
    expect(heldOut.count).toBe(1);
  });

  it("learns its words from the kept part alone", async () => {
    const text = `${"a b ".repeat(50)}${"secret ".repeat(6)}`;
    const config = configFor("c.txt", text, { ...words, data: { held_out: 0.2 } });
    const { tokenizer, heldOut } = await loadTrainingData(config);
    expect(tokenizer.vocabularySize).toBe(2 + 3);
    expect([...heldOut.ids]).toContain(tokenizer.encode("secret")[0]);
  });

  it("takes the tokenizer of a run that goes on", async () => {
    const known = wordTokenizer(["three", "two", "one"]);
    const { tokenizer, train } = await loadTrainingData(configFor("d.jsonl", jsonl, words), known);
    expect(tokenizer).toBe(known);
    expect([...train.ids.slice(0, 3)]).toEqual([2, 1, 0]);
  });

  it("holds nothing out when asked to", async () => {
    const config = configFor("e.txt", "abc".repeat(20), { data: { held_out: 0 } });
    const { heldOut, tokensPerByte } = await loadTrainingData(config);
    expect({ count: heldOut.count, tokensPerByte }).toEqual({ count: 0, tokensPerByte: 0 });
  });

  it("takes a document of a million tokens, in either layout", async () => {
    for (const layout of ["wrap", "pad"]) {
      const config = configFor("long.txt", "abcdefgh".repeat(125_000), { data: { layout } });
      const { train } = await loadTrainingData(config);
      expect(train.count).toBe(layout === "pad" ? 1 : 112_501);
    }
  });

  it("refuses a tokenizer without a mask", async () => {
    const { specials: _, ...rest } = wordTokenizer(["one"]);
    const config = configFor("f.txt", "one one one");
    const bare = { ...rest, specials: {} } as ReturnType<typeof wordTokenizer>;
    await expect(loadTrainingData(config, bare)).rejects.toThrow(ConfigError);
  });
});

describe("exampleOrder", () => {
  it("goes through every row once an epoch, in another order each time", () => {
    const order = exampleOrder(20, 5);
    const epochs = [0, 1, 2].map((epoch) => Array.from({ length: 20 }, (_, i) => order(20 * epoch + i)));
    for (const epoch of epochs) expect([...epoch].sort((a, b) => a - b)).toEqual([...Array(20).keys()]);
    expect(new Set(epochs.map((epoch) => epoch.join())).size).toBe(3);
    expect(exampleOrder(20, 6)(0) === order(0) && exampleOrder(20, 6)(1) === order(1)).toBe(false);
  });

  it("depends on the example's number only, not on what was asked before", () => {
    const order = exampleOrder(7, 1);
    const jumping = [100, 3, 50, 3, 100, 8].map(order);
    expect(jumping).toEqual([100, 3, 50, 3, 100, 8].map((example) => exampleOrder(7, 1)(example)));
    expect(exampleOrder(1, 1)(12_345)).toBe(0);
  });
});
