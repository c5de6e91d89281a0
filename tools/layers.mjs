#!/usr/bin/env node
// @ts-check
// `node tools/layers.mjs`: fails, with file and line, on an import that the table in tools/layers/table.mjs forbids.

import { resolve } from "node:path";
import { check } from "./layers/check.mjs";
import { packages } from "./layers/table.mjs";

const root = resolve(new URL("..", import.meta.url).pathname);
const violations = check(root, packages);
for (const { file, line, message } of violations) console.log(`${file}:${line}: ${message}`);
if (violations.length > 0) process.exitCode = 1;
