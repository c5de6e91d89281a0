// @ts-check
// `unmask` with the arguments given; afterwards the most memory that the process held, in bytes, as the error stream's
// last line.

import { readFileSync } from "node:fs";
import { main } from "../../packages/unmask/dist/cli/command-line.js";

process.exitCode = await main(process.argv.slice(2));
const peak = /VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
process.stderr.write(`\n${1024 * Number(peak)}\n`);
