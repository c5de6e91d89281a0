// @ts-check
// Holds the sources against the table and returns what breaks it.

import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, relative, resolve, sep } from "node:path";
import { filesBelow } from "../../packages/torch/setup/stamp.mjs";
import { importsOf } from "./imports.mjs";

/**
 * @typedef {import("./table.mjs").Package} Package
 * @typedef {import("./table.mjs").Rule} Rule
 * @typedef {{ file: string, line: number, message: string }} Violation
 */

/**
 * @param {string} root the repository
 * @param {Package[]} packages
 * @returns {Violation[]}
 */
export function check(root, packages) {
  return packages.flatMap((one) => {
    const source = join(root, one.source);
    const files = filesBelow(source, (name) => name.endsWith(".ts"));
    return files.filter((file) => !isTest(file)).flatMap((file) => checkFile(root, source, one, file));
  });
}

/** @param {string} path */
function isTest(path) {
  return /(\.test|[/\\]contract)\.[jt]s$/.test(path);
}

/**
 * @param {string} root
 * @param {string} source
 * @param {Package} one
 * @param {string} file
 * @returns {Violation[]}
 */
function checkFile(root, source, one, file) {
  const inside = relative(source, file).replaceAll(sep, "/");
  const shown = relative(root, file).replaceAll(sep, "/");
  const folder = inside.includes("/") ? /** @type {string} */ (inside.split("/")[0]) : "";
  if (folder === "" && inside !== "index.ts")
    return [
      { file: shown, line: 1, message: `only index.ts lies in ${one.source}; put ${inside} into a folder` },
    ];
  if (folder !== "" && one.folders[folder] === undefined)
    return [
      { file: shown, line: 1, message: `${folder} is not in the table of folders (tools/layers/table.mjs)` },
    ];
  const allowed = one.exceptions.filter((exception) => exception.file === inside).flatMap(({ may }) => may);
  const from = { folder, rule: one.folders[folder], allowed };
  return importsOf(readFileSync(file, "utf8")).flatMap(({ name, line }) => {
    const wrong = judge(from, targetOf(name, source, file, one.beside));
    return wrong === undefined ? [] : [{ file: shown, line, message: `${folder || "index.ts"} ${wrong}` }];
  });
}

/**
 * @typedef {"computed" | "outside" | "test" | "folder" | "builtin" | "torch" | "self" | "npm"} TargetKind
 * @typedef {{ kind: TargetKind, name: string, path?: string }} Target `path`: of a file in the same package
 */

/**
 * @param {string | undefined} name as written in the import
 * @param {string} source
 * @param {string} file
 * @param {string[]} [beside]
 * @returns {Target}
 */
function targetOf(name, source, file, beside = []) {
  if (name === undefined) return { kind: "computed", name: "" };
  if (name.startsWith(".")) {
    const path = relative(source, resolve(dirname(file), name)).replaceAll(sep, "/");
    const neighbour = beside.find((folder) => path.startsWith(`../${folder}/`));
    if (neighbour !== undefined) return { kind: "folder", name: neighbour, path };
    if (path.startsWith("..")) return { kind: "outside", name };
    if (isTest(`/${path}`)) return { kind: "test", name };
    return { kind: "folder", name: path.includes("/") ? (path.split("/")[0] ?? "") : "index.ts", path };
  }
  if (isBuiltin(name)) return { kind: "builtin", name };
  const dependency = packageOf(name);
  const own = source.endsWith(join("packages", "torch", "src")) ? ["@unmask/torch", "unmask"] : ["unmask"];
  if (own.includes(dependency)) return { kind: "self", name };
  return dependency === "@unmask/torch"
    ? { kind: "torch", name: "torch" }
    : { kind: "npm", name: dependency };
}

/**
 * @param {{ folder: string, rule: Rule | undefined, allowed: string[] }} from `rule` is undefined for index.ts
 * @param {Target} target
 * @returns {string | undefined} what is wrong
 */
function judge({ folder, rule, allowed }, { kind, name, path = name }) {
  if (kind === "computed") {
    if (allowed.includes("import()")) return undefined;
    return "may not import() an expression: the layers cannot be checked then";
  }
  if (kind === "outside") return `may not import ${name}: it lies outside the package`;
  if (kind === "test") return `may not import ${name}: that is a test`;
  if (kind === "self") return `may not import ${name}: that is the package itself, or one built on it`;
  if (rule === undefined || name === folder || allowed.includes(name) || allowed.includes(path))
    return undefined;
  if (kind === "builtin") return judgeBuiltin(rule, name);
  if (kind === "npm")
    return rule.npm === "none" ? `may not import ${name}: it has no dependency from npm` : undefined;
  return rule.may.includes(name) ? undefined : `may not import ${name}${because(rule)}`;
}

/** @param {Rule} rule */
function because({ may, reason }) {
  const uses = may.length === 0 ? "nothing" : may.join(", ");
  return `: ${reason ?? "the table says so"} (it may use ${uses})`;
}

/**
 * @param {Rule} rule
 * @param {string} name
 */
function judgeBuiltin(rule, name) {
  if (rule.node === "none") return `may not import ${name}: it runs in a browser too`;
  if (rule.node === "no-files" && /^(node:)?fs(\/|$)/.test(name))
    return `may not import ${name}: callers hand it what they read`;
  return undefined;
}

/** @param {string} name "@scope/package/sub/path" or "package/sub/path" */
function packageOf(name) {
  return name
    .split("/")
    .slice(0, name.startsWith("@") ? 2 : 1)
    .join("/");
}
