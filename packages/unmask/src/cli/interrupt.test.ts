import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { onInterrupt } from "./interrupt.ts";

const built = new URL("../../dist/cli/interrupt.js", import.meta.url);

describe("onInterrupt", () => {
  it("aborts at the first signal, takes its echo for the same, and gives the signals back", async () => {
    const before = process.listenerCount("SIGTERM");
    let notices = 0;
    const { signal, release } = onInterrupt(() => notices++);
    process.emit("SIGTERM");
    process.emit("SIGINT");
    expect(signal.aborted).toBe(true);
    expect(notices).toBe(1);
    release();
    expect(process.listenerCount("SIGTERM")).toBe(before);
  });

  it.runIf(existsSync(fileURLToPath(built)))("ends with 130 at the second", async () => {
    const code = `const { onInterrupt } = await import("${built.href}");
      onInterrupt(() => console.log("stopping"));
      setInterval(() => {}, 1000);
      console.log("ready");`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code]);
    child.stdout.on("data", (text) => {
      if (String(text).includes("ready")) child.kill("SIGINT");
      if (String(text).includes("stopping")) setTimeout(() => child.kill("SIGINT"), 600);
    });
    expect(await new Promise((resolve) => child.once("close", resolve))).toBe(130);
  });
});
