// @ts-check
// TypeScript: `tsc -b` for the two packages (the tests are checked by `npm run check`, not by the set-up).

import { existsSync } from "node:fs";
import { join } from "node:path";
import { SetupFailure } from "../../packages/torch/setup/failure.mjs";
import { run } from "../../packages/torch/setup/run.mjs";
import { filesBelow, hashTimes, isStamped, writeStamp } from "../../packages/torch/setup/stamp.mjs";

const packages = ["packages/torch", "packages/unmask"];

/**
 * @param {import("./main.mjs").Context} context
 * @returns {Promise<{ skipped: boolean }>}
 */
export async function buildTypeScript({ root, options, say, exclusive }) {
  if (!options.build && isCurrent(root)) return { skipped: true };
  await exclusive();
  if (!options.build && isCurrent(root)) return { skipped: true };
  const wanted = inputs(root);
  say("compiling the TypeScript");
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  // Something deleted dist but not its build record: then tsc would think itself done.
  const force = packages.some((folder) => !existsSync(join(root, folder, "dist", "index.js")))
    ? ["--force"]
    : [];
  const status = await run(process.execPath, [tsc, "-b", ...force, ...packages], { cwd: root });
  if (status !== 0)
    throw new SetupFailure(`TypeScript found errors (exit code ${status}; they are listed above).`);
  writeStamp(stampPath(root), wanted);
  return { skipped: false };
}

/** @param {string} root */
function stampPath(root) {
  return join(root, "packages", "unmask", "dist", ".setup-typescript.json");
}

/** @param {string} root */
function isCurrent(root) {
  const built = packages.every((folder) => existsSync(join(root, folder, "dist", "index.js")));
  return built && isStamped(stampPath(root), inputs(root));
}

/** @param {string} root */
function inputs(root) {
  const sources = packages.flatMap((folder) => [
    join(root, folder, "package.json"),
    join(root, folder, "tsconfig.json"),
    ...filesBelow(join(root, folder, "src"), (name) => name.endsWith(".ts") && !name.endsWith(".test.ts")),
  ]);
  const compiler = join(root, "node_modules", "typescript", "package.json");
  return { sources: hashTimes(root, [join(root, "tsconfig.base.json"), compiler, ...sources]) };
}
