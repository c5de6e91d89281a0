import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { check } from "./layers/check.mjs";
import { importsOf } from "./layers/imports.mjs";
import { packages } from "./layers/table.mjs";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "layers-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** The messages for one file of packages/unmask/src (or of another package) with this content. */
function complaints(path: string, content: string, source = "packages/unmask/src"): string[] {
  const file = join(root, source, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return check(root, packages).map(
    (violation) => `${violation.file}:${violation.line}: ${violation.message}`,
  );
}

describe("the table", () => {
  test("the repository keeps it", () => {
    expect(check(resolve(import.meta.dirname, ".."), packages)).toEqual([]);
  });

  test("the number of exceptions only falls", () => {
    const exceptions = packages.flatMap((one) => one.exceptions);
    expect(exceptions.length).toBeLessThanOrEqual(7);
    expect(exceptions.every(({ reason }) => reason.length > 10)).toBe(true);
  });

  test("a folder of packages/unmask may only use what stands before it", () => {
    const { folders } = packages[1]!;
    const order = Object.keys(folders);
    for (const [at, folder] of order.entries())
      for (const other of folders[folder]!.may)
        if (other !== "torch") expect(order.slice(0, at), `${folder} uses ${other}`).toContain(other);
  });
});

describe("a forbidden import is named with its line", () => {
  const forms: Record<string, string> = {
    import: 'import { a } from "../models/x.ts";',
    "import of several lines": 'import {\n  a,\n  b as from,\n} from "../models/x.ts";',
    "import type": 'import type { A } from "../models/x.ts";',
    "import for its side effect": 'import "../models/x.ts";',
    "import of everything": 'import * as x from "../models/x.ts";',
    "export from": 'export { a } from "../models/x.ts";',
    "export type from": 'export type { A } from "../models/x.ts";',
    "export of everything": 'export * from "../models/x.ts";',
    "dynamic import": 'const x = await import("../models/x.ts");',
    "import of a template": "const x = await import(`../models/x.ts`);",
    "import as a type": 'let x: import("../models/x.ts").A;',
    require: 'const x = require("../models/x.ts");',
  };
  for (const [name, text] of Object.entries(forms))
    test(name, () => {
      const found = complaints("text/y.ts", `// first line\n${text}\n`);
      expect(found).toHaveLength(1);
      expect(found[0]).toMatch(/^packages\/unmask\/src\/text\/y\.ts:[2-5]: text may not import models: /);
    });

  test("the line is the import's own", () => {
    const text = '/* one\ntwo */\nconst a = `three #{1}\nfour`;\nimport "../cli/x.ts";'.replace("#", "$");
    expect(complaints("text/y.ts", text)[0]).toContain("text/y.ts:5: text may not import cli");
  });
});

describe("each kind of violation", () => {
  const kinds: [string, string, string][] = [
    [
      "decode/policies/x.ts",
      'import "@unmask/torch";',
      "decode may not import torch: policies run on host arrays",
    ],
    ["decode/commit.ts", 'import "../models/x.ts";', "decode may not import models"],
    ["text/x.ts", 'import "@unmask/torch";', "text may not import torch"],
    [
      "decode/policies/ancestral.ts",
      'import "../../diffusion/corrupt.ts";',
      "decode may not import diffusion",
    ],
    ["language/x.ts", 'import "../text/x.ts";', "language may not import text"],
    ["train/x.ts", 'import "../distill/x.ts";', "train may not import distill"],
    ["serve/x.ts", 'import "../train/x.ts";', "serve may not import train"],
    ["base/x.ts", 'import { z } from "zod";', "base may not import zod: it has no dependency from npm"],
    ["trajectory/record.ts", 'import "hyparquet";', "trajectory may not import hyparquet"],
    ["diffusion/x.ts", 'import "@scope/name/sub";', "diffusion may not import @scope/name:"],
    ["base/x.ts", 'import "node:fs/promises";', "base may not import node:fs/promises"],
    ["language/x.ts", 'import "fs";', "language may not import fs"],
    ["trajectory/x.ts", 'import "node:path";', "trajectory may not import node:path: it runs in a browser"],
    ["models/x.ts", 'import "../../../torch/src/index.ts";', "it lies outside the package"],
    ["cli/x.ts", 'import "unmask";', "cli may not import unmask"],
    ["models/x.ts", 'import "./contract.ts";', "that is a test"],
    ["models/x.ts", 'import "../base/rng.test.ts";', "that is a test"],
    ["models/x.ts", "await import(name);", "models may not import() an expression"],
    ["stray.ts", "", "only index.ts lies in packages/unmask/src"],
    ["novelty/x.ts", "", "novelty is not in the table of folders"],
  ];
  for (const [path, text, message] of kinds)
    test(`${path}: ${text || "(empty)"}`, () => expect(complaints(path, text).join("\n")).toContain(message));

  test("a file whose exception says so may import what only the user knows", () => {
    expect(complaints("evaluate/tasks/user-module.ts", "await import(file);")).toEqual([]);
  });

  test("packages/torch has layers too, and knows nothing of unmask", () => {
    const source = "packages/torch/src";
    expect(complaints("core/x.ts", 'import "../nn/x.ts";', source)[0]).toContain("core may not import nn");
    expect(complaints("core/x.ts", 'import "unmask";', source)[0]).toContain("core may not import unmask");
    expect(complaints("core/x.ts", 'import "zod";', source)[0]).toContain("no dependency from npm");
  });
});

describe("what is allowed", () => {
  const fine: [string, string][] = [
    ["propose/propose.ts", 'import "@unmask/torch"; import "../models/x.ts";'],
    ["trajectory/file.ts", 'import "hyparquet"; import "../base/x.ts";'],
    ["decode/policies/x.ts", 'import "../canvas.ts"; import "./policy.ts";'],
    ["base/x.test.ts", 'import "../cli/x.ts"; import "vitest"; import "node:fs";'],
    ["models/contract.ts", 'import "vitest"; import "../train/x.ts";'],
    ["cli/x.ts", 'import "../serve/x.ts"; import "commander"; import "@unmask/torch"; import "node:fs";'],
    ["index.ts", 'export * from "./cli/x.ts";'],
    ["text/x.ts", '// import "../models/x.ts";\nconst s = "import \'../models/x.ts\'"; const r = /["\'`]/;'],
    ["text/x.ts", 'const t = `#{`import "../models/x.ts"`}`; export const from = "../models/x.ts";'],
    [
      "text/x.ts",
      'export type A = "../models/x.ts"; export default "../models/x.ts"; a.import("../models/x.ts");',
    ],
    ["text/x.ts", "const half = total / 2; const other = count / 3; // ' \" `"],
  ];
  // A # stands for a $, so that these do not look like templates here.
  for (const [path, text] of fine.map(([path, text]) => [path, text.replaceAll("#", "$")] as const))
    test(`${path}: ${text}`, () => expect(complaints(path, text)).toEqual([]));
});

test("imports are found after regular expressions, templates and divisions", () => {
  const source = 'const a = x / y; const b = /[/"]/g.test(z); const c = `#{a}/#{`"`}`; import d from "d";';
  expect(importsOf(source.replaceAll("#", "$")).map(({ name }) => name)).toEqual(["d"]);
});
