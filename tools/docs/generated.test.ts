// Files that tools write from the repository: stale ones fail here, with the command that writes them.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { references, renderReference, statementsOf } from "../api.mjs";
import { noticesPath, renderNotices, runTimeDependencies } from "../notices.mjs";

const root = join(import.meta.dirname, "..", "..");

describe("the public interface", () => {
  beforeAll(() => {
    execFileSync(
      process.execPath,
      [join(root, "node_modules", "typescript", "bin", "tsc"), "-b", "packages/unmask"],
      {
        cwd: root,
      },
    );
  }, 600_000);

  test.each(references.map((one) => [one.title, one] as const))(
    "%s (else: node tools/api.mjs)",
    (_title, one) => {
      expect(readFileSync(one.page, "utf8")).toBe(renderReference(one));
    },
  );

  test("declarations are cut where they end, with what describes them", () => {
    const text = `import { B } from "./b.ts";
/** First; with a ; in it. */
export interface A {
    /** A field: { */
    readonly b: B<string>;
}
export declare function f(a: A, { g }?: {
    g: number;
}): void;
export type C = (a: A) => void;
`;
    const found = statementsOf(text);
    expect(found).toHaveLength(4);
    expect(found[1]).toContain("First; with a ; in it.");
    expect(found[2]).toMatch(/^export declare function f[\s\S]*void;$/);
    expect(found[3]).toBe("export type C = (a: A) => void;");
  });
});

describe("third-party notices", () => {
  test("are those of the dependencies (else: node tools/notices.mjs)", () => {
    expect(readFileSync(noticesPath, "utf8")).toBe(renderNotices(runTimeDependencies()));
  });

  test("every dependency has a licence that may be passed on beside Apache-2.0", () => {
    const allowed =
      /^(MIT|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|CC0-1\.0|Unlicense|BlueOak-1\.0\.0|Python-2\.0)$/;
    const others = runTimeDependencies().filter(({ license }) => !allowed.test(license));
    expect(others.map(({ name, license }) => `${name}: ${license}`)).toEqual([]);
  });
});
