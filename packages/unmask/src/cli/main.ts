#!/usr/bin/env node
// The program `unmask`.

import { main } from "./command-line.ts";
import { watchClosedOutput } from "./terminal.ts";

watchClosedOutput();
process.exitCode = await main(process.argv.slice(2));
