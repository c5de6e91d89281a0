#!/usr/bin/env node
// @ts-check
// Runs before `npm pack` and `npm publish` in a package's folder: compiles it, and brings the texts that npm shows and
// that the licences ask for. Nothing of this runs when somebody installs the package.

import { spawnSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(new URL("..", import.meta.url).pathname);
const here = process.cwd();

const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
const { status } = spawnSync(process.execPath, [compiler, "-b", here], { stdio: ["ignore", 2, "inherit"] });
if (status !== 0) process.exit(1);

copyFileSync(join(root, "LICENSE"), join(here, "LICENSE"));
copyFileSync(join(root, "THIRD-PARTY-NOTICES.md"), join(here, "THIRD-PARTY-NOTICES.md"));
if (here.endsWith(join("packages", "unmask"))) copyFileSync(join(root, "README.md"), join(here, "README.md"));
