#!/usr/bin/env node
// The installed command. A file of its own, because npm links commands before dist/ is built.

import { existsSync } from "node:fs";

const main = new URL("../dist/cli/main.js", import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  console.error('error: unmask is not built yet; run "npm run setup" in its repository');
  process.exitCode = 1;
}
