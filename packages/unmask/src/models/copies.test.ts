import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { add, clone, openSafetensors, saveSafetensors, toNumbers } from "@unmask/torch";
import { afterAll, describe, expect, it } from "vitest";
import { loadNetwork } from "./load.ts";
import { saveLike } from "./save.ts";

const fixture = fileURLToPath(new URL("../../test/parity/fixtures/gpt2/model", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "unmask-copies-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** GPT-2 with its head written out beside the embedding it is tied to, changed by `shift`. */
function withHead(shift: number): string {
  const folder = mkdtempSync(join(root, "m-"));
  cpSync(fixture, folder, { recursive: true });
  const file = openSafetensors(join(fixture, "model.safetensors"));
  const tensors = new Map(file.names.map((name) => [name, clone(file.tensor(name))]));
  tensors.set("lm_head.weight", add(tensors.get("wte.weight")!, shift));
  rmSync(join(folder, "model.safetensors"));
  saveSafetensors(join(folder, "model.safetensors"), tensors);
  return folder;
}

describe("a parameter that a file holds twice", () => {
  it("is loaded once, and both are written when it has changed", () => {
    const origin = loadNetwork(withHead(0), { copy: true });
    expect(origin.network.parameters.has("lm_head.weight")).toBe(false);
    const changed = new Map(origin.network.parameters);
    changed.set("wte.weight", add(changed.get("wte.weight")!, 1));
    const folder = join(root, "saved");
    saveLike(origin, changed, { folder });
    const saved = openSafetensors(join(folder, "model.safetensors"));
    expect(toNumbers(saved.tensor("lm_head.weight"))).toEqual(toNumbers(changed.get("wte.weight")!));
    expect(toNumbers(saved.tensor("wte.weight"))).toEqual(toNumbers(changed.get("wte.weight")!));
    origin.dispose();
  });

  it("is refused where the two differ", () => {
    expect(() => loadNetwork(withHead(0.5))).toThrow(
      /"lm_head\.weight" is not the same as "wte\.weight", to which gpt2 ties it/,
    );
  });
});
