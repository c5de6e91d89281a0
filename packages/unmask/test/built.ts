// Child processes that run the built package: what only another process can show (kills, limits of the system).

import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));

const newest = (folder: string): number =>
  Math.max(
    ...readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts"))
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );

/** URL of a built module of this package, "train/loop.js" say; built first if the sources are newer. */
export function builtModule(path: string): string {
  const stale = ["torch", "unmask"].some((name) => {
    const folder = join(root, "packages", name);
    const stamp = join(folder, "dist", ".tsbuildinfo");
    return !existsSync(stamp) || statSync(stamp).mtimeMs < newest(join(folder, "src"));
  });
  if (stale) {
    const compiler = join(root, "node_modules", ".bin", "tsc");
    execFileSync(compiler, ["-b", join(root, "packages", "unmask")], { stdio: "inherit" });
  }
  return new URL(`../dist/${path}`, import.meta.url).href;
}

export interface Child {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface ChildOptions {
  /** Shell commands before node starts (limits). */
  before?: string;
  /** Called with each line of output; may kill. */
  onLine?: (line: string, kill: (signal?: NodeJS.Signals) => void) => void;
}

/** Runs an ES module given as text in a child process. */
export function runModule(script: string, { before = ":", onLine }: ChildOptions = {}): Promise<Child> {
  const args = ["-c", `${before}; exec "$0" "$@"`, process.execPath, "--input-type=module", "--eval", script];
  const child = spawn("sh", args, { stdio: ["ignore", "pipe", "pipe"], timeout: 50_000 });
  const result: Child = { status: null, signal: null, stdout: "", stderr: "" };
  let told = 0;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    result.stdout += text;
    const lines = result.stdout.split("\n");
    for (; told < lines.length - 1; told++)
      onLine?.(lines[told]!, (signal = "SIGKILL") => child.kill(signal));
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    result.stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => resolve({ ...result, status, signal }));
  });
}
