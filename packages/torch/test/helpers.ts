// What the tests share: short ways to make tensors, comparison within a tolerance, temporary folders, and child
// processes that run the built package.

import { execFileSync, type SpawnSyncReturns, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect } from "vitest";
import { type Dtype, type Nested, Tensor, TorchError, tensor, toNested } from "../src/index.ts";

/** A float32 tensor (or another dtype) of nested numbers. */
export const f = (data: Nested, dtype: Dtype = "float32"): Tensor => tensor(data, undefined, { dtype });
export const d = (data: Nested): Tensor => f(data, "float64");
export const i = (data: Nested): Tensor => f(data, "int64");
export const b = (data: Nested): Tensor => f(data, "bool");

/** Tensors anywhere in a result as nested numbers. */
export function plain(value: unknown): unknown {
  if (value instanceof Tensor) return toNested(value);
  return Array.isArray(value) ? value.map(plain) : value;
}

/** Compares nested numbers: equal structure, values within a relative and absolute 1e-5. */
export function expectClose(actual: unknown, expected: unknown, tolerance = 1e-5): void {
  if (typeof expected === "number" && typeof actual === "number" && Number.isFinite(expected)) {
    expect(Math.abs(actual - expected), `${actual} is not ${expected}`).toBeLessThanOrEqual(
      tolerance * (1 + Math.abs(expected)),
    );
  } else if (Array.isArray(expected) && Array.isArray(actual)) {
    expect(actual.length).toBe(expected.length);
    for (let at = 0; at < expected.length; at++) expectClose(actual[at], expected[at], tolerance);
  } else expect(actual).toEqual(expected);
}

/** The TorchError that `body` throws; anything else fails the test. */
export function torchErrorOf(body: () => unknown): TorchError {
  let thrown: unknown;
  let result: unknown;
  try {
    result = body();
  } catch (error) {
    thrown = error;
  }
  if (thrown === undefined) expect.fail(`no error but ${String(plain(result))}`);
  expect(thrown).toBeInstanceOf(TorchError);
  return thrown as TorchError;
}

/** A folder that is removed when the test file ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "unmask-torch-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const packageFolder = fileURLToPath(new URL("..", import.meta.url));
const newest = (folder: string): number =>
  Math.max(
    ...readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts"))
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );

/** URL of the built package for child processes and workers; built first if the sources are newer. */
export function builtPackage(): string {
  const stamp = join(packageFolder, "dist", ".tsbuildinfo");
  if (!existsSync(stamp) || statSync(stamp).mtimeMs < newest(join(packageFolder, "src"))) {
    const compiler = fileURLToPath(new URL("../../../node_modules/.bin/tsc", import.meta.url));
    execFileSync(compiler, ["-b", packageFolder], { stdio: "inherit" });
  }
  return new URL("../dist/index.js", import.meta.url).href;
}

export interface ChildOptions {
  /** Flags for node. */
  flags?: readonly string[];
  /** Shell commands before node starts (limits). */
  before?: string;
  timeout?: number;
}

/** Runs an ES module given as text in a child process; `torch` is the built package there. */
export function runChild(script: string, options: ChildOptions = {}): SpawnSyncReturns<string> {
  const args = [...(options.flags ?? []), "--input-type=module", "--eval", childScript(script)];
  const shell = `${options.before ?? ":"}; exec "$0" "$@"`;
  return spawnSync("sh", ["-c", shell, process.execPath, ...args], {
    encoding: "utf8",
    timeout: options.timeout ?? 50_000,
  });
}

export const childScript = (script: string): string =>
  `import * as torch from ${JSON.stringify(builtPackage())};\n${script}`;

/** The child's last line of output as JSON; the test fails if the child did. */
export function childResult(script: string, options: ChildOptions = {}): unknown {
  const { status, signal, stdout, stderr } = runChild(script, options);
  expect({ status, signal, stderr: status === 0 ? "" : stderr }).toEqual({
    status: 0,
    signal: null,
    stderr: "",
  });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}
