// A command line run in this process: its exit code and what it wrote.

import { vi } from "vitest";
import { main } from "../../src/cli/command-line.ts";

/** Runs `unmask ...args`. */
export async function run(...args: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      written[name] += text;
      return true;
    });
  }
  const exitCode = await main(args);
  vi.restoreAllMocks();
  return { exitCode, ...written };
}
