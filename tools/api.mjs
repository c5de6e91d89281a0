#!/usr/bin/env node
// @ts-check
// docs/api.md and docs/api-torch.md: every name that the packages export, with its signature and its description, from the
// compiler's declarations. They are the reference for readers and the snapshot for reviewers: `node tools/api.mjs` writes
// them, and a test fails when the public interface changed and they did not.

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

export const references = [
  {
    page: join(root, "docs", "api.md"),
    title: "API of unmask",
    entries: [
      { name: "unmask", file: join(root, "packages", "unmask", "dist", "index.d.ts") },
      {
        name: "unmask/trajectory",
        file: join(root, "packages", "unmask", "dist", "trajectory", "index.d.ts"),
      },
    ],
  },
  {
    page: join(root, "docs", "api-torch.md"),
    title: "API of @unmask/torch",
    entries: [{ name: "@unmask/torch", file: join(root, "packages", "torch", "dist", "index.d.ts") }],
  },
];

/** @typedef {{ name: string, file: string, text: string }} Declaration `text` with its description in front */

/**
 * The statements of a file of declarations, each with the comment in front of it.
 * @param {string} text
 */
export function statementsOf(text) {
  /** @type {string[]} */
  const found = [];
  /** @type {string[]} */
  let lines = [];
  let depth = 0;
  let commented = false;
  for (const line of text.split("\n")) {
    if (lines.length === 0 && line.trim() === "") continue;
    lines.push(line);
    if (line.trimStart().startsWith("/**")) commented = true;
    if (commented) {
      if (line.includes("*/")) commented = false;
      continue;
    }
    const code = line.replace(/\/\*.*?\*\/|\/\/.*$|"(?:[^"\\]|\\.)*"|=>/g, "");
    depth += count(code, /[({[<]/g) - count(code, /[)}\]>]/g);
    if (depth === 0 && /[;}]$/.test(code.trimEnd())) {
      found.push(lines.join("\n"));
      lines = [];
    }
  }
  return found;
}

/**
 * @param {string} text
 * @param {RegExp} pattern
 */
function count(text, pattern) {
  return text.match(pattern)?.length ?? 0;
}

const named =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|const|let|class|interface|type|enum) (\w+)/m;

/**
 * Every export of a file of declarations, those that it passes on included.
 * @param {string} file
 * @returns {Declaration[]} overloads behind each other
 */
export function exportsOf(file) {
  return statementsOf(readFileSync(file, "utf8")).flatMap((statement) => {
    const [, list, from] = /^export (?:type )?(\*|\{[^}]*\}) from "(.+?)";/m.exec(statement) ?? [];
    if (list === undefined || from === undefined) {
      const name = named.exec(statement)?.[1];
      return name === undefined ? [] : [{ name, file, text: statement }];
    }
    const target = join(dirname(file), from.replace(/\.[cm]?[jt]s$/, ".d.ts"));
    const all = exportsOf(target);
    if (list === "*") return all;
    return namesIn(list).flatMap(({ name, as }) => {
      const own = all.filter((one) => one.name === name);
      if (own.length === 0) throw new Error(`${relative(root, target)} does not declare ${name}`);
      return own.map((one) => ({ ...one, name: as }));
    });
  });
}

/** @param {string} list "{ a, type B, c as d }" */
function namesIn(list) {
  return list
    .slice(1, -1)
    .split(",")
    .map((one) => one.trim().replace(/^type /, ""))
    .filter(Boolean)
    .map((one) => {
      const [name = "", as = name] = one.split(/ as /);
      return { name, as };
    });
}

/** @param {(typeof references)[number]} reference */
export function renderReference({ title, entries }) {
  return [
    `# ${title}`,
    "",
    "<!-- written by tools/api.mjs from the compiler's declarations; a test holds it against them -->",
    ...entries.flatMap(({ name, file }) => {
      const own = exportsOf(file).sort((a, b) => a.name.localeCompare(b.name, "en"));
      const names = new Set(own.map((one) => one.name));
      return ["", `## ${name}`, "", `${names.size} names.`, ...[...names].flatMap((one) => entry(one, own))];
    }),
    "",
  ].join("\n");
}

/**
 * @param {string} name
 * @param {Declaration[]} all
 */
function entry(name, all) {
  const own = all.filter((one) => one.name === name);
  return [
    "",
    `### ${name}`,
    "",
    "```typescript",
    ...own.map(({ text }) => text.replace(/^export (?:declare )?/m, "")),
    "```",
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const reference of references) {
    writeFileSync(reference.page, renderReference(reference));
    process.stderr.write(`${relative(root, reference.page)} is written\n`);
  }
}
