// @ts-check
// npm run codegen: writes src/generated/ops.ts from ops.txt. `--check` fails if that would change anything.

import { readFileSync, writeFileSync } from "node:fs";
import { emit } from "./emit.mjs";

const source = new URL("ops.txt", import.meta.url);
const target = new URL("../src/generated/ops.ts", import.meta.url);

const text = emit(readFileSync(source, "utf8"));
if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== text) {
    console.error("packages/torch/src/generated/ops.ts is not what ops.txt gives; run npm run codegen");
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
