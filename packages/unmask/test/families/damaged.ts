// Small checkpoints with something wrong, and what opening them says.

import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openSafetensors, saveSafetensors, scope, type Tensor } from "@unmask/torch";
import { expect } from "vitest";
import { CheckpointError, UnsupportedError } from "../../src/base/errors.ts";
import { openModel } from "../../src/models/open.ts";

export const root = mkdtempSync(join(tmpdir(), "unmask-open-"));
// Not after all tests of a file: several files share this module.
process.once("exit", () => rmSync(root, { recursive: true, force: true }));

export const fixtures = {
  llada: "llada/checkpoint",
  dream: "dream/checkpoint",
  sdar: "sdar/model",
  mdlm: "mdlm/model",
  gpt2: "gpt2/model",
} as const;
export type Name = keyof typeof fixtures;
export const names = Object.keys(fixtures) as Name[];
export const fixture = (name: Name) =>
  fileURLToPath(new URL(`../parity/fixtures/${fixtures[name]}`, import.meta.url));

/** A copy of a small checkpoint. */
export function copied(name: Name): string {
  const folder = mkdtempSync(join(root, `${name}-`));
  cpSync(fixture(name), folder, { recursive: true });
  return folder;
}

export const configOf = (name: Name): Record<string, unknown> =>
  JSON.parse(readFileSync(join(fixture(name), "config.json"), "utf8"));

/** A folder with another config.json and the checkpoint's weights. */
export function withConfig(name: Name, change: Record<string, unknown> | string): string {
  const folder = mkdtempSync(join(root, `${name}-`));
  const text = typeof change === "string" ? change : JSON.stringify({ ...configOf(name), ...change });
  writeFileSync(join(folder, "config.json"), text);
  copyFileSync(join(fixture(name), "model.safetensors"), join(folder, "model.safetensors"));
  return folder;
}

/** A folder whose tensors were changed. */
export function withTensors(name: Name, change: (tensors: Map<string, Tensor>) => void): string {
  const folder = mkdtempSync(join(root, `${name}-`));
  copyFileSync(join(fixture(name), "config.json"), join(folder, "config.json"));
  scope(() => {
    const file = openSafetensors(join(fixture(name), "model.safetensors"));
    const tensors = new Map(file.names.map((one): [string, Tensor] => [one, file.tensor(one)]));
    change(tensors);
    saveSafetensors(join(folder, "model.safetensors"), tensors);
  });
  return folder;
}

/** The error of opening a folder; it must be one of ours, one sentence, and quick. */
export function failure(folder: string): CheckpointError | UnsupportedError {
  const start = performance.now();
  try {
    openModel(folder).checkpoint.close();
  } catch (error) {
    expect(performance.now() - start).toBeLessThan(2000);
    const known = error instanceof CheckpointError || error instanceof UnsupportedError;
    expect(known, `${(error as Error).stack}`).toBe(true);
    expect((error as Error).message).not.toContain("\n");
    expect((error as Error).message).not.toMatch(/\bNaN\b(?!")|\[object/);
    return error as CheckpointError;
  }
  return expect.fail(`no error for ${folder}`);
}
export const message = (folder: string): string => failure(folder).message;
