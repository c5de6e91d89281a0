import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { abs, add_, item, liveTensors, max, noGrad, scope, sub, type Tensor, tensor } from "@unmask/torch";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { run } from "../../test/cli/run.ts";
import { load } from "../generate/load.ts";
import { loadNetwork } from "../models/load.ts";
import { disposeAdapters } from "../models/lora.ts";
import { createAdapters } from "../models/lora-create.ts";
import { saveAdapter } from "../models/lora-save.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-merge-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
afterEach(() => void vi.restoreAllMocks());

const model = fileURLToPath(new URL("../../test/parity/fixtures/llada/checkpoint", import.meta.url));
const adapter = join(root, "adapter");
{
  const { network, dispose } = loadNetwork(model);
  const set = createAdapters(network, { rank: 2, seed: 1 });
  for (const { up } of set.layers.values()) noGrad(() => void add_(up, 0.01));
  saveAdapter(adapter, set);
  disposeAdapters(set);
  dispose();
}

async function logitsOf(folder: string, adapted?: string): Promise<Tensor> {
  const loaded = await load(folder, { adapter: adapted });
  const logits = scope(() =>
    noGrad(() => loaded.network.logits(tensor([[5, 9, 2]], undefined, { dtype: "int64" }))),
  );
  loaded.dispose();
  return logits;
}

const digest = () => {
  const bytes = readFileSync(join(model, "model.safetensors"));
  return createHash("sha256").update(bytes).digest("hex");
};

describe("unmask merge", () => {
  it("writes a model that computes what model and adapter compute", async () => {
    const out = join(root, "merged");
    const before = [digest(), liveTensors()];
    const { exitCode, stdout, stderr } = await run(
      "merge",
      "--model",
      model,
      "--adapter",
      adapter,
      "--out",
      out,
    );
    expect([stderr, exitCode]).toEqual(["", 0]);
    expect(stdout).toMatch(/^21 adapted layers merged, .*: .*merged\n$/);
    expect([digest(), liveTensors()]).toEqual(before);
    expect(readdirSync(out).sort()).toEqual(readdirSync(model).sort());
    const [merged, beside, bare] = [
      await logitsOf(out),
      await logitsOf(model, adapter),
      await logitsOf(model),
    ];
    const apart = (a: Tensor, b: Tensor) => item(max(abs(sub(a, b)))) / item(max(abs(b)));
    expect(apart(merged, beside)).toBeLessThan(1e-5);
    expect(apart(merged, bare)).toBeGreaterThan(1e-3);
  });

  it("prints one object with --json", async () => {
    const out = join(root, "json");
    const { stdout } = await run("merge", "--json", "--model", model, "--adapter", adapter, "--out", out);
    expect(JSON.parse(stdout)).toMatchObject({ model, adapter, out, layers: 21, unmatched: [] });
  });

  it.each([
    [["--adapter", adapter, "--out", "x"], "no model is named; give --model DIR"],
    [["--model", model, "--out", "x"], "nothing to merge; give --adapter DIR"],
    [["--model", model, "--adapter", adapter], "nowhere to write; give --out DIR"],
    [
      ["--model", model, "--adapter", adapter, "--out", model],
      "exists and is no empty folder; name a new one",
    ],
    [["--model", model, "--adapter", root, "--out", join(root, "x")], "adapter_config.json: no such file"],
    [
      ["--model", adapter, "--adapter", adapter, "--out", join(root, "x")],
      "holds an adapter beside its base model; give that as --model",
    ],
  ])("%j says one sentence and exits 2", async (args, sentence) => {
    const before = liveTensors();
    const { exitCode, stdout, stderr } = await run("merge", ...args);
    expect(stderr).toContain(sentence);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect([stdout, exitCode]).toEqual(["", 2]);
    expect(liveTensors()).toEqual(before);
  });
});
