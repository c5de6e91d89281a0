import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { decodeTrajectories } from "#unmask/trajectory/file.ts";
import { run } from "../../../../packages/unmask/test/cli/run.ts";
import { tinyModel } from "../../../../packages/unmask/test/tiny-models.ts";
import { decidedAt, isRepeatable } from "./rerun.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-rerun-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A family's network of random weights, a decoder, and an option that makes it commit everything it is offered. */
const cases = [
  ["llada", "multi_block", ["--block-length", "4", "--threshold", "5.5"], { threshold: 99 }],
  ["llada", "fast_dllm", ["--block-length", "4"], { confidence_threshold: 0, factor: undefined }],
  ["llada", "block_entropy", ["--block-length", "4"], { entropy_threshold: 99 }],
  ["sdar", "block_diffusion", [], { remasking_strategy: "low_confidence_dynamic", dynamic_threshold: 0 }],
] as const;

describe("a recorded run of a network", () => {
  for (const [family, decoder, flags, loosest] of cases) {
    it(`is repeated by ${decoder}, and another threshold commits all of a block`, async () => {
      const model = await tinyModel(root, family);
      const file = join(root, `${decoder}.parquet`);
      const asked = ["--prompt", "hi there", "--max-new-tokens", "12", "--seed", "3", "--fill-all", "--json"];
      const recorded = ["--trajectory", file, "--record-proposals"];
      const made = await run(
        "generate",
        "--model",
        model,
        "--decoder",
        decoder,
        ...flags,
        ...asked,
        ...recorded,
      );
      expect(made.exitCode).toBe(0);
      const { header, rows, texts } = await decodeTrajectories(readFileSync(file), file);
      const row = rows[0]!;
      expect(Object.keys(texts!.texts).length).toBeGreaterThan(5);
      expect(isRepeatable({ header, row })).toBe(true);
      const decided = decidedAt({ header, row }, 1, loosest)!;
      const offered = row.proposals!.column.slice(0, row.proposals!.count[0]);
      expect(decided).toEqual(offered);
      const own = decidedAt({ header, row }, 1, {});
      expect(own).toEqual(offered.filter((_, i) => row.proposals!.committed[i] === 1));
    }, 120_000);
  }
});
