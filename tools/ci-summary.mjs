#!/usr/bin/env node
// @ts-check
// `node tools/ci-summary.mjs REPORT`: prints "N passed, N failed" from Vitest's JSON report, and fails if a test
// failed, a test file could not be loaded, or there is no report (then something before the tests went wrong).

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** @param {string} text */
export function counts(text) {
  const { numPassedTests: passed, numFailedTests: tests, testResults: files } = JSON.parse(text);
  // A file that breaks while loading has no tests that could fail.
  const broken = files.filter(
    (/** @type {{ status: string, assertionResults: { status: string }[] }} */ file) =>
      file.status === "failed" && !file.assertionResults.some(({ status }) => status === "failed"),
  );
  return { passed, failed: tests + broken.length };
}

function main() {
  const path = process.argv[2] ?? "";
  try {
    const { passed, failed } = counts(readFileSync(path, "utf8"));
    console.log(`${passed} passed, ${failed} failed`);
    if (failed > 0 || passed === 0) process.exitCode = 1;
  } catch (error) {
    console.log(`no test report was written (${error instanceof Error ? error.message : error})`);
    console.log("0 passed, 1 failed");
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
