// The code on the pages: TypeScript is type-checked, and on pages that say so every block is run.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Block, blocksOf } from "./blocks.mjs";
import { compile } from "./programs.mjs";
import { commandPath, runIn } from "./run.mjs";

const root = join(import.meta.dirname, "..", "..");
const files = [
  "README.md",
  "packages/torch/README.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];
const pages = files.map((file) => ({ file, blocks: blocksOf(file, readFileSync(join(root, file), "utf8")) }));
/** docs/extend.md shows files of the repository itself; extend.test.ts runs them. */
const programs = pages
  .filter(({ file }) => file !== "docs/extend.md")
  .flatMap(({ blocks }) => blocks.filter(({ language }) => language === "ts"));
const nameOf = ({ page, line }: Block) => `${page.replace(/\W+/g, "-")}-${line}`;

let built: ReturnType<typeof compile>;
beforeAll(() => {
  built = compile(root, "docs", new Map(programs.map((block) => [nameOf(block), block.text])));
}, 600_000);

test("TypeScript on every page is type-checked", () => {
  expect(programs.length).toBeGreaterThan(3);
  expect(built.complaints).toBe("");
});

const runnable = pages.filter(({ blocks }) => blocks.some(({ runs }) => runs));

test("pages have blocks that run", () => expect(runnable.length).toBeGreaterThan(7));

describe.each(runnable)("$file", ({ blocks }) => {
  const folder = mkdtempSync(join(tmpdir(), "unmask-docs-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  test.each(blocks.filter(({ runs }) => runs).map((block) => [block.line, block] as const))(
    "line %i",
    async (_line, block) => {
      const where = { cwd: folder, path: commandPath(root, folder) };
      const { status, output } =
        block.language === "sh"
          ? await runIn("bash", ["-euo", "pipefail", "-c", block.text], where)
          : await runIn(process.execPath, [built.compiled(nameOf(block))], where);
      expect(status, output).toBe(0);
    },
    600_000,
  );
});

describe("blocks", () => {
  test("are found with their lines, and what is said in front of them", () => {
    const text =
      "# A\n\n```sh\nx\n```\n<!-- not run: a GPU -->\n\n```ts\ny\nz\n```\n<!-- run -->\n```sh\nw\n```\n";
    const told = (page: string) =>
      blocksOf("a.md", page).map(({ line, language, text, runs }) => [line, language, text, runs]);
    expect(told(text)).toEqual([
      [4, "sh", "x", false],
      [9, "ts", "y\nz", false],
      [14, "sh", "w", true],
    ]);
    expect(told(`${text}<!-- blocks run -->\n`).map(([, , , runs]) => runs)).toEqual([true, false, true]);
    expect(() => blocksOf("a.md", "```sh\nx\n")).toThrow("a.md:1");
  });
});
