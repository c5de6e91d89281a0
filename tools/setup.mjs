#!/usr/bin/env node
// @ts-check
// `node tools/setup.mjs [--build] [--quiet] [--no-system] [--json]`: everything a fresh clone needs, in steps
// (npm packages, libtorch, the native addon, TypeScript, the inspector's page), each skipped when nothing it depends on has changed.
// Plain JavaScript without dependencies, because it runs before `npm ci`; this file parses on old Nodes, so that
// they get a sentence instead of a syntax error.

const wanted = 20;
const major = Number(process.versions.node.split(".")[0]);

if (major < wanted) {
  console.error(
    `unmask needs Node ${wanted} or newer and this is Node ${process.versions.node}; ` +
      "install a current one from https://nodejs.org and run the same command again.",
  );
  process.exitCode = 2;
} else {
  import("./setup/main.mjs")
    .then(({ main }) => main(process.argv.slice(2)))
    .then((code) => {
      process.exitCode = code;
    });
}
