#!/usr/bin/env node
// @ts-check
// THIRD-PARTY-NOTICES.md: the licences of everything that an installed package brings with it. `node tools/notices.mjs`
// writes it from package-lock.json and node_modules; a test fails when a dependency changed and the file did not.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
export const noticesPath = join(root, "THIRD-PARTY-NOTICES.md");

/** @typedef {{ name: string, version: string, license: string, folder: string }} Dependency */

/** Packages that the two published ones need at run time, by name. */
export function runTimeDependencies() {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  /** @type {Map<string, Dependency>} */
  const found = new Map();
  /** @param {string} path of a package in the lock file */
  const visit = (path) => {
    for (const name of Object.keys(packages[path].dependencies ?? {})) {
      const place = placeOf(packages, path, name);
      if (place === undefined || packages[place].link || found.has(place)) continue;
      const manifest = JSON.parse(readFileSync(join(root, place, "package.json"), "utf8"));
      const { version, license = "unknown" } = manifest;
      found.set(place, {
        name,
        version,
        license: String(license.type ?? license),
        folder: join(root, place),
      });
      visit(place);
    }
  };
  visit("packages/torch");
  visit("packages/unmask");
  return [...found.values()].sort((a, b) =>
    `${a.name}@${a.version}`.localeCompare(`${b.name}@${b.version}`, "en"),
  );
}

/**
 * Where a package finds a dependency, as Node does: nearest folder first.
 * @param {Record<string, unknown>} packages
 * @param {string} from
 * @param {string} name
 */
function placeOf(packages, from, name) {
  for (let at = from; ; at = at.replace(/(^|\/)(node_modules\/(@[^/]+\/)?)?[^/]+$/, "")) {
    const place = at === "" ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (packages[place] !== undefined) return place;
    if (at === "") return undefined;
  }
}

/** @param {Dependency[]} dependencies */
export function renderNotices(dependencies) {
  /** @type {Map<string, Dependency[]>} */
  const byText = new Map();
  for (const one of dependencies) {
    const text = licenceText(one.folder);
    byText.set(text, [...(byText.get(text) ?? []), one]);
  }
  return [
    "# Third-party notices",
    "",
    "What installing unmask brings with it, and under which licence. Written by `node tools/notices.mjs`. libtorch is not among",
    "it: it comes from your system, your Python or PyTorch's server, under a licence in the style of BSD.",
    "",
    "| package | version | licence |",
    "|---|---|---|",
    ...dependencies.map(({ name, version, license }) => `| ${name} | ${version} | ${license} |`),
    ...[...byText].flatMap(([text, own]) => [
      "",
      `## ${own.map(({ name }) => name).join(", ")}`,
      "",
      "```text",
      text,
      "```",
    ]),
    "",
  ].join("\n");
}

/** @param {string} folder */
function licenceText(folder) {
  const name = readdirSync(folder).find((file) => /^(licen[cs]e|copying)/i.test(file));
  if (name === undefined || !existsSync(join(folder, name)))
    return "The package holds no text of its licence; the one that its package.json names applies.";
  return readFileSync(join(folder, name), "utf8").replaceAll("\r\n", "\n").trim();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(noticesPath, renderNotices(runTimeDependencies()));
  process.stderr.write(`${noticesPath} is written\n`);
}
