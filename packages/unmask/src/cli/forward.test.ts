import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSafetensors, scope, toTypedArray } from "@unmask/torch";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { run } from "../../test/cli/run.ts";
import { randomModel, tinyDream, tinyGpt2, tinyMdlm } from "../../test/random-model.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-forward-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
afterEach(() => void vi.restoreAllMocks());

const models = {
  dream: randomModel(join(root, "dream"), tinyDream),
  mdlm: randomModel(join(root, "mdlm"), tinyMdlm),
  gpt2: randomModel(join(root, "gpt2"), tinyGpt2),
};

let number = 0;

/** Runs the verb on a JSON value, or on a text as it stands. */
async function forward(model: string, input: unknown, ...more: string[]) {
  const folder = mkdtempSync(join(root, `run${number++}-`));
  const [path, output] = [join(folder, "in.json"), join(folder, "out.safetensors")];
  writeFileSync(path, typeof input === "string" ? input : JSON.stringify(input));
  const args = ["forward", "--model", model, "--input", path, "--output", output, ...more];
  return { ...(await run(...args)), folder, output };
}

const logitsOf = (output: string): number[] =>
  scope(() => [...(toTypedArray(openSafetensors(output).tensor("logits")) as Float32Array)]);

const ids = [
  [1, 2, 12, 3],
  [4, 12, 5, 6],
];

describe("unmask forward", () => {
  it("writes raw logits and says what it wrote", async () => {
    const { exitCode, stdout, output, folder } = await forward(models.dream, { ids });
    expect(exitCode).toBe(0);
    expect(stdout).toContain("logits float32 [2, 4, 13]");
    expect(openSafetensors(output).info("logits")).toMatchObject({ dtype: "float32", shape: [2, 4, 13] });
    expect(readdirSync(folder).sort()).toEqual(["in.json", "out.safetensors"]);
  });

  it("prints one object with --json", async () => {
    const { stdout, output } = await forward(models.dream, { ids }, "--json");
    expect(JSON.parse(stdout)).toEqual({
      ...{ model: models.dream, output, dtype: "float32", shape: [2, 4, 13], products: "float32" },
      seconds: expect.any(Number),
    });
  });

  it("computes in the dtype asked for", async () => {
    const exact = logitsOf((await forward(models.dream, { ids })).output);
    for (const dtype of ["bfloat16", "int8"]) {
      const rough = logitsOf((await forward(models.dream, { ids }, "--dtype", dtype)).output);
      const error = Math.max(...rough.map((value, i) => Math.abs(value - exact[i]!)));
      expect(error).toBeGreaterThan(0);
      expect(error).toBeLessThan(0.05);
    }
  });

  it("hides padding: a padded row has the logits of the row alone", async () => {
    const padded = {
      ids: [
        [1, 2, 12, 3],
        [11, 11, 5, 6],
      ],
      attention_mask: [
        [1, 1, 1, 1],
        [0, 0, 1, 1],
      ],
    };
    const both = logitsOf((await forward(models.dream, padded)).output);
    const alone = logitsOf((await forward(models.dream, { ids: [[5, 6]] })).output);
    both.slice(6 * 13).forEach((value, i) => void expect(value).toBeCloseTo(alone[i]!, 5));
    const ones = { ids, attention_mask: ids.map((row) => row.map(() => 1)) };
    const [masked, plain] = [await forward(models.dream, ones), await forward(models.dream, { ids })];
    expect(logitsOf(masked.output)).toEqual(logitsOf(plain.output));
  });

  it("takes positions and noise levels where the network does", async () => {
    const shifted = { ids, position_ids: ids.map((row) => row.map((_, i) => i + 3)) };
    const plain = logitsOf((await forward(models.dream, { ids })).output);
    const moved = logitsOf((await forward(models.dream, shifted)).output);
    moved.forEach((value, i) => void expect(value).toBeCloseTo(plain[i]!, 4)); // rotary positions are relative
    const told = logitsOf((await forward(models.mdlm, { ids, sigma: [0, 2] })).output);
    const untold = logitsOf((await forward(models.mdlm, { ids })).output);
    told.slice(0, 4 * 13).forEach((value, i) => void expect(value).toBeCloseTo(untold[i]!, 5));
    expect(told.slice(4 * 13)).not.toEqual(untold.slice(4 * 13));
  });
});

describe("a wrong input says one sentence and writes nothing", () => {
  const row = [1, 2, 3];
  it.each([
    ["{", "in.json: is not JSON"],
    ["[[1, 2]]", 'is [[1,2]], expected an object such as {"ids": [[1, 2], [3, 4]]}'],
    [{}, 'has no "ids"'],
    [{ ids: [1, 2] }, "ids is [1,2], expected a list of rows"],
    [{ ids: [] }, "ids is [], expected a list of rows"],
    [{ ids: [[]] }, "row 0 of ids is empty"],
    [{ ids: [row, [1]] }, "row 1 of ids has 1 numbers, row 0 has 3; pad the rows to one length"],
    [{ ids: [row, [1, "x", 3]] }, 'ids is "x" in row 1, column 1; expected token ids'],
    [{ ids: [[1, 2.5, 3]] }, "ids is 2.5 in row 0, column 1"],
    [{ ids: [[1, -1, 3]] }, "ids is -1 in row 0, column 1"],
    [{ ids: [row, [1, 2, 13]] }, "id 13 in row 1, column 2 is outside the vocabulary of 13"],
    [{ ids: [[1, 2, 3, 4, 5, 6, 7, 8, 9]] }, "rows have 9 tokens, the model's context is 8"],
    [{ input_ids: [row] }, 'unknown key "input_ids" (did you mean "ids"?)'],
    [{ ids: [row], attention_maks: [row] }, '(did you mean "attention_mask"?)'],
    [{ ids: [row], attention_mask: [[1, 1]] }, "attention_mask has 1 rows of 2, ids has 1 rows of 3"],
    [{ ids: [row], attention_mask: [[1, 2, 1]] }, "attention_mask is 2 in row 0, column 1; expected 0 and 1"],
    [{ ids: [row], attention_mask: [[0, 0, 0]] }, "row 0 of attention_mask has no 1"],
    [
      { ids: [row], position_ids: [[0, 1, 8]] },
      "position 8 in row 0, column 2 is outside the model's context",
    ],
    [{ ids: [row], sigma: [1] }, "a dream network is not told a noise level; leave sigma out"],
    [{ ids: [row], sigma: [1, 2] }, "sigma has 2 numbers, ids has 1 rows; give one number a row"],
    [{ ids: [row], sigma: [-1] }, "sigma is -1 in row 0; expected a number of at least 0"],
  ])("%j", async (input, sentence) => {
    const { exitCode, stdout, stderr, output } = await forward(models.dream, input);
    expect(stderr).toContain(sentence);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect({ exitCode, stdout, written: existsSync(output) }).toEqual({
      ...{ exitCode: 2, stdout: "", written: false },
    });
  });

  it("for what a family does not compute with", async () => {
    const small = await forward(models.gpt2, { ids }, "--dtype", "int8");
    expect(small.stderr).toContain("int8 weights are not served for gpt2; use dtype bfloat16 or auto");
    expect(small.exitCode).toBe(2);
  });

  it("for a missing file and an output that cannot be written", async () => {
    const missing = await forward(models.dream, { ids }, "--input", join(root, "none.json"));
    expect(missing.stderr).toContain("none.json does not exist");
    const nowhere = await forward(models.dream, { ids }, "--output", join(root, "none", "out"));
    expect(nowhere.stderr).toContain("cannot be written (ENOENT)");
    const folder = await forward(models.dream, { ids }, "--output", root);
    expect(folder.stderr).toContain("is no file; name a file with --output");
    const weights = join(models.dream, "model.safetensors");
    const before = readFileSync(weights);
    const own = await forward(models.dream, { ids }, "--output", weights);
    expect(own.stderr).toContain("is a file of the model; choose another --output");
    expect(readFileSync(weights).equals(before)).toBe(true);
    expect([missing, nowhere, folder, own].map(({ exitCode }) => exitCode)).toEqual([2, 2, 2, 2]);
  });

  it.runIf(process.getuid?.() !== 0)("for a folder without permission", async () => {
    const closed = mkdtempSync(join(root, "closed-"));
    chmodSync(closed, 0o500);
    const { stderr } = await forward(models.dream, { ids }, "--output", join(closed, "out"));
    expect(stderr).toContain("cannot be written (EACCES)");
  });
});
