import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { run } from "../../test/cli/run.ts";
import { tinyModel } from "../../test/tiny-models.ts";
import { displayWidth } from "./terminal.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-inspect-trajectory-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
afterEach(() => void vi.restoreAllMocks());

const path = join(root, "out.parquet");
let model = "";
let told: { sequences: Record<string, unknown>[]; totals: Record<string, unknown> };
beforeAll(async () => {
  model = await tinyModel(root, "llada");
  const asked = ["--prompt", "hi there", "--count", "2", "--max-new-tokens", "12", "--seed", "3"];
  const decoder = ["--decoder", "multi_block", "--cache-delay-iter", "1", "--block-length", "4"];
  const made = await run("generate", "--model", model, ...asked, ...decoder, "--trajectory", path, "--json");
  told = JSON.parse(made.stdout);
});

describe("generate --json", () => {
  it("has the shape that programs read, and nothing else", () => {
    expect(Object.keys(told)).toEqual(["model", "decoder", "options", "sequences", "totals"]);
    for (const one of told.sequences) {
      expect(Object.keys(one).sort()).toEqual(
        [
          ...["finish_reason", "nfe", "prompt_ids", "reveal_step", "seconds"],
          ...["text", "token_ids", "tokens"],
        ].sort(),
      );
    }
    expect(Object.keys(told.totals).sort()).toEqual(
      ["nfe", "seconds", "tokens", "tokens_per_forward", "tokens_per_second"].sort(),
    );
  });
});

describe("inspect trajectory", () => {
  it("tells header, means and sequences within 80 columns", async () => {
    const { exitCode, stdout } = await run("inspect", "trajectory", path);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("decoder   multi_block, corrected fidelity, seed 3");
    expect(stdout).toContain("tokens    mask 316, end 311");
    expect(stdout).toMatch(/forwards \(NFE\) +\d/);
    expect(stdout).toMatch(/left to right \(tau\) +-?\d/);
    const lines = stdout.split("\n").filter((line) => !/^(file|model) /.test(line));
    for (const line of lines) expect(displayWidth(line), line).toBeLessThan(80);
  });

  it("says in JSON what generate said", async () => {
    const { stdout } = await run("inspect", "trajectory", path, "--json", "--model", model);
    const { header, summary, sequences } = JSON.parse(stdout);
    expect(header).toMatchObject({ decoder: "multi_block", seed: 3, mask_id: 316 });
    const nfe = told.sequences.map((one) => one.nfe as number);
    expect(summary.nfe).toEqual({
      ...{ mean: (nfe[0]! + nfe[1]!) / 2, least: Math.min(...nfe), most: Math.max(...nfe) },
    });
    expect(sequences.map((one: { nfe: number }) => one.nfe)).toEqual(nfe);
    expect(sequences.map((one: { text: string }) => one.text)).toEqual(told.sequences.map((one) => one.text));
  });

  it("shows one sequence forward by forward", async () => {
    const plain = await run("inspect", "trajectory", path, "--sequence", "1");
    for (const line of plain.stdout.split("\n")) expect(displayWidth(line), line).toBeLessThan(80);
    const { stdout } = await run("inspect", "trajectory", path, "--sequence", "1", "--json");
    const [{ forwards }] = JSON.parse(stdout).sequences;
    const steps = told.sequences[1]!.reveal_step as number[];
    const found: number[] = new Array(steps.length).fill(-1);
    for (const { forward, columns, token_ids } of forwards) {
      for (const [i, column] of columns.entries()) {
        found[column] = forward;
        expect(token_ids[i]).toBe((told.sequences[1]!.token_ids as number[])[column]);
      }
    }
    expect(found).toEqual(steps);
    const rows = plain.stdout.split("\n").filter((line) => /^\d+ +\d+-\d+ /.test(line));
    expect(rows).toHaveLength(forwards.length);
  });

  it("refuses another model's tokenizer, a sequence that there is not, and a file that is none", async () => {
    const other = await tinyModel(root, "dream");
    const wrong = await run("inspect", "trajectory", path, "--model", other);
    expect([wrong.exitCode, wrong.stderr]).toEqual([
      2,
      expect.stringMatching(/another tokenizer than that of/),
    ]);
    const missing = await run("inspect", "trajectory", path, "--sequence", "7");
    expect([missing.exitCode, missing.stderr]).toEqual([
      2,
      expect.stringMatching(/no sequence 7; it has 0 to 1/),
    ]);
    const text = join(root, "text");
    writeFileSync(text, "no parquet");
    expect((await run("inspect", "trajectory", text)).exitCode).toBe(2);
  });
});
