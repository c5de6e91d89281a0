// @ts-check
// One measurement in a process of its own: node load-child.mjs load|read FOLDER THREADS. Prints one JSON object.

import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { measureProduct, setThreads } from "@unmask/torch";
import { weightFiles } from "./checkpoints.mjs";
import { loadOurs, productsFor } from "./ours.mjs";

const [, , what, folder = "", threads] = process.argv;
/** A short forward: it is taken off again. */
const ids = [[1, 2, 3, 4, 5, 6, 7, 8]];

setThreads(Number(threads));
measureProduct("float32", 64, 1);
const dtype = "bfloat16";
const products = productsFor(dtype);
const before = peak();
const seconds = what === "read" ? read() : load();
process.stdout.write(`${JSON.stringify({ seconds, peak: peak(), before })}\n`);

function load() {
  const begin = performance.now();
  const ours = loadOurs(folder, { dtype, products });
  const forward = ours.open({ ids });
  const first = (performance.now() - begin) / 1000;
  return first - Math.min(forward.run(1), forward.run(1), forward.run(1));
}

function read() {
  const buffer = Buffer.alloc(1 << 23);
  const begin = performance.now();
  for (const path of weightFiles(folder)) {
    const file = openSync(path, "r");
    while (readSync(file, buffer, 0, buffer.length, null) > 0);
    closeSync(file);
  }
  return (performance.now() - begin) / 1000;
}

/** The most memory that this process has held, in bytes. */
function peak() {
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}
