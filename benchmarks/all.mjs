// @ts-check
// `npm run bench` without a name: every benchmark one after the other, each in a process of its own and with its peer in
// turn inside it, and one page of all results. With --quick nothing is kept: the page goes to the error stream.

import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readOptions } from "./lib/options.mjs";
import { pagePath, renderPage, savedResults } from "./page.mjs";

const main = fileURLToPath(new URL("main.mjs", import.meta.url));
const trained = join("runs", "quickstart", "teacher");

/** These come first, in this order: what other figures rest on. */
const first = ["torch", "models", "decode", "train", "distill"];

/** Options of a quick run, where they are not --quick. */
const quickOptions = /** @type {Record<string, string[]>} */ ({
  "serve-load": ["--seconds", "5", "--clients", "8"],
  inspector: [],
});

/**
 * @param {string[]} args
 * @param {string[]} known names of all benchmarks
 */
export async function runAll(args, known) {
  const { quick = false } = readOptions(args, { quick: { type: "boolean" } });
  /** @type {import("./page.mjs").Saved[]} */
  const measured = [];
  /** @type {string[]} */
  const failed = [];
  for (const name of new Set([...first, ...known])) {
    const reason = reasonToLeaveOut(name, quick);
    if (reason !== undefined) {
      say(`${name} is left out: ${reason}`);
      continue;
    }
    say(`== ${name}`);
    const options = [
      ...(quick ? (quickOptions[name] ?? ["--quick"]) : ["--save"]),
      ...(name === "dtype" ? ["--run", trained] : []),
    ];
    const { status, last } = await runOne(name, options);
    if (status === 0) measured.push({ file: `${name}.json`, record: JSON.parse(last) });
    else failed.push(name);
  }
  const page = renderPage(quick ? measured : savedResults());
  if (quick) say(page);
  else writeFileSync(pagePath, page);
  if (!quick) say(`one page with everything: ${pagePath}`);
  process.stdout.write(
    `${JSON.stringify({ bench: "all", measured: measured.map(({ record }) => record), failed })}\n`,
  );
  if (failed.length > 0) throw new Error(`these did not end well: ${failed.join(", ")}`);
}

/**
 * @param {string} name
 * @param {boolean} quick
 */
function reasonToLeaveOut(name, quick) {
  if (name === "dtype" && (quick || !existsSync(trained)))
    return `it needs the model of npm run quickstart in ${trained}`;
  if (name === "quickstart" && quick) return "it has no quick form";
  if (name === "methods") return "it trains for more than an hour a ground; npm run bench -- methods --help";
  return undefined;
}

/**
 * @param {string} name
 * @param {string[]} options
 * @returns {Promise<{ status: number | null, last: string }>} `last`: line of standard output
 */
function runOne(name, options) {
  const child = spawn(process.execPath, [main, name, ...options], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
    output += text;
  });
  return new Promise((done) => {
    child.on("close", (status) => done({ status, last: output.trim().split("\n").at(-1) ?? "" }));
  });
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`${text}\n`);
}
