// @ts-check
// `unmask serve` as a process of its own, and what its /metrics say.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../packages/unmask/dist/cli/main.js", import.meta.url));

/**
 * @param {string} model
 * @param {string[]} args
 */
export async function startServer(model, args) {
  const all = ["serve", "--model", model, "--port", "0", "--json", "--log-level", "warn", ...args];
  const child = spawn(process.execPath, [program, ...all], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const [line] = await Promise.race([
    once(createInterface(child.stdout), "line"),
    ended.then(([code]) => Promise.reject(new Error(`the server ended with code ${code}`))),
  ]);
  const base = new URL(JSON.parse(line).url);
  return {
    base,
    metrics: () => metricsOf(base),
    /** Ends it in its own time; its exit code. */
    async stop() {
      child.kill("SIGTERM");
      const [code] = await ended;
      return code;
    },
  };
}

/**
 * Values by name with labels.
 * @param {URL} base
 * @returns {Promise<Map<string, number>>}
 */
async function metricsOf(base) {
  const text = await (await fetch(new URL("/metrics", base))).text();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}
