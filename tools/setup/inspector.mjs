// @ts-check
// The inspector's page: Vite puts apps/inspector into packages/unmask/dist/inspector. What the page is made of is known
// from the last build, so that a change elsewhere does not build it again.

import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { SetupFailure } from "../../packages/torch/setup/failure.mjs";
import { filesBelow, hashTimes, readStamp, writeStamp } from "../../packages/torch/setup/stamp.mjs";

/**
 * @param {import("./main.mjs").Context} context
 * @returns {Promise<{ skipped: boolean }>}
 */
export async function buildInspector({ root, options, say, exclusive }) {
  if (!options.build && isCurrent(root)) return { skipped: true };
  await exclusive();
  if (!options.build && isCurrent(root)) return { skipped: true };
  say("building the inspector's page");
  const modules = await build(root);
  writeStamp(stampPath(root), { modules, sources: hashTimes(root, inputs(root, modules)) });
  return { skipped: false };
}

/**
 * @param {string} root
 * @returns {Promise<string[]>} the files it was made of, relative to the root
 */
async function build(root) {
  try {
    const vite = await import("vite");
    const configFile = join(root, "apps", "inspector", "vite.config.ts");
    const result = await vite.build({ configFile, logLevel: "warn" });
    const outputs = Array.isArray(result) ? result : [result];
    const ids = outputs.flatMap((one) =>
      "output" in one ? one.output.flatMap((part) => (part.type === "chunk" ? part.moduleIds : [])) : [],
    );
    const files = ids.map((id) => id.split("?")[0] ?? "").filter((id) => existsSync(id));
    return [...new Set(files.map((file) => relative(root, file)))].sort();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SetupFailure(`the inspector's page could not be built: ${reason}`);
  }
}

/**
 * @param {string} root
 * @param {string[]} modules
 */
function inputs(root, modules) {
  const app = join(root, "apps", "inspector");
  const own = ["index.html", "vite.config.ts", "package.json"].map((name) => join(app, name));
  const made = modules.map((file) => join(root, file)).filter((file) => existsSync(file));
  const all = [...own, ...filesBelow(join(app, "src")), ...filesBelow(join(app, "public")), ...made];
  return [...new Set(all)].filter((file) => !file.endsWith(".test.ts")).sort();
}

/** @param {string} root */
const stampPath = (root) => join(root, "packages", "unmask", "dist", ".setup-inspector.json");

/** @param {string} root */
function isCurrent(root) {
  const stamp = /** @type {{ modules: string[], sources: string } | undefined} */ (
    readStamp(stampPath(root))
  );
  if (stamp === undefined) return false;
  if (!existsSync(join(root, "packages", "unmask", "dist", "inspector", "index.html"))) return false;
  return stamp.sources === hashTimes(root, inputs(root, stamp.modules));
}
