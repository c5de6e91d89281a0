import { expect, test } from "vitest";
import { counts } from "./ci-summary.mjs";

test("failed tests and files that could not be loaded both count", () => {
  const file = (status: string, ...tests: string[]) => ({
    status,
    assertionResults: tests.map((one) => ({ status: one })),
  });
  const report = (numPassedTests: number, numFailedTests: number, ...testResults: object[]) =>
    JSON.stringify({ numPassedTests, numFailedTests, testResults });
  expect(counts(report(3, 0, file("passed", "passed")))).toEqual({ passed: 3, failed: 0 });
  expect(counts(report(3, 1, file("failed", "failed", "passed")))).toEqual({ passed: 3, failed: 1 });
  expect(counts(report(3, 1, file("failed", "failed"), file("failed")))).toEqual({ passed: 3, failed: 2 });
});
