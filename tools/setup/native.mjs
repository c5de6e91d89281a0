// @ts-check
// The native build: packages/torch/build/unmask_torch.node, by CMake, with the N-API headers from npm (so that it
// does not depend on which Node runs). The stamp holds every input; when CMake's own inputs change (another
// libtorch, other headers), the build folder is made anew, otherwise CMake compiles only what changed.

import { existsSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, freemem } from "node:os";
import { join, relative, resolve } from "node:path";
import { SetupFailure } from "./failure.mjs";
import { onPath } from "./host.mjs";
import { run } from "./run.mjs";
import { filesBelow, hashContents, isStamped, readStamp, removeStamp, writeStamp } from "./stamp.mjs";

/**
 * @typedef {import("./libtorch.mjs").Libtorch} Libtorch
 * @typedef {{ configuration: unknown, sources: string }} Inputs
 */

/**
 * @param {import("./main.mjs").Context} context
 * @param {Libtorch} libtorch
 * @returns {Promise<{ skipped: boolean }>}
 */
export async function buildNative(context, libtorch) {
  const { root, options, say, exclusive } = context;
  if (!options.build && isBuilt(root, libtorch)) return { skipped: true };
  await exclusive();
  if (!options.build && isBuilt(root, libtorch)) return { skipped: true };
  const wanted = inputs(root, libtorch);
  const { folder, stamp, product, log } = paths(root);
  const before = /** @type {Inputs | undefined} */ (readStamp(stamp) ?? readStamp(`${stamp}.failed`));
  if (JSON.stringify(before?.configuration) !== JSON.stringify(wanted.configuration))
    rmSync(folder, { recursive: true, force: true });
  removeStamp(stamp);
  rmSync(log, { force: true });
  say(`building the native addon against libtorch ${libtorch.version} (up to a minute or two)`);
  writeStamp(`${stamp}.failed`, wanted); // until the end is reached
  for (const args of commands(context, libtorch)) {
    const status = await run("cmake", args, { cwd: root, log });
    if (status !== 0) throw new SetupFailure(explain(context, status));
  }
  if (!existsSync(product))
    throw new SetupFailure(`the native build made no ${product}; its log lies in ${log}.`);
  removeStamp(`${stamp}.failed`);
  writeStamp(stamp, wanted);
  return { skipped: false };
}

/**
 * @param {string} root
 * @param {Libtorch | undefined} libtorch
 */
export function isBuilt(root, libtorch) {
  if (libtorch === undefined) return false;
  const { stamp, product } = paths(root);
  return existsSync(product) && existsSync(stamp) && isStamped(stamp, inputs(root, libtorch));
}

/** @param {string} root */
function paths(root) {
  const folder = join(root, "packages", "torch", "build");
  return {
    folder,
    product: join(folder, "unmask_torch.node"),
    stamp: join(folder, ".setup-native.json"),
    log: join(folder, "build.log"),
  };
}

/** @param {string} root */
function headers(root) {
  const require = createRequire(join(root, "packages", "torch", "package.json"));
  const folder = (/** @type {string} */ name) => {
    // node-addon-api tells its folder relative to the working directory.
    const include = resolve(require(name).include_dir);
    return { include, version: require(`${name}/package.json`).version };
  };
  return { addonApi: folder("node-addon-api"), nodeApi: folder("node-api-headers") };
}

/**
 * @param {string} root
 * @param {Libtorch} libtorch
 * @returns {Inputs}
 */
function inputs(root, libtorch) {
  const { kind: _kind, reason: _reason, ...engine } = libtorch;
  const { CXX = "", CXXFLAGS = "", LDFLAGS = "" } = process.env;
  const platform = `${process.platform}-${process.arch}`;
  const torch = join(root, "packages", "torch");
  const files = [join(torch, "CMakeLists.txt"), ...filesBelow(join(torch, "native"))];
  if (!existsSync(files[0] ?? ""))
    throw new SetupFailure(`${files[0]} is missing; the clone is not complete.`, 2);
  return {
    configuration: { root, engine, headers: headers(root), platform, CXX, CXXFLAGS, LDFLAGS },
    sources: hashContents(root, files),
  };
}

/**
 * @param {import("./main.mjs").Context} context
 * @param {Libtorch} libtorch
 */
function commands({ root, host }, libtorch) {
  const { addonApi, nodeApi } = headers(root);
  const { folder } = paths(root);
  // A file that includes libtorch's headers takes about 1.5 GB to compile.
  const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / 1.5e9)));
  const generator = onPath(host, "make") || host.env.CMAKE_GENERATOR ? [] : ["-G", "Ninja"];
  return [
    [
      ...["-S", join(root, "packages", "torch"), "-B", folder, ...generator],
      "-DCMAKE_BUILD_TYPE=Release",
      `-DCMAKE_PREFIX_PATH=${libtorch.prefix}`,
      `-DTorch_DIR=${libtorch.config}`,
      `-DNODE_ADDON_API_DIR=${addonApi.include}`,
      `-DNODE_API_HEADERS_DIR=${nodeApi.include}`,
    ],
    ["--build", folder, "--parallel", String(jobs)],
  ];
}

/**
 * @param {import("./main.mjs").Context} context
 * @param {number} status
 */
function explain({ root, host }, status) {
  const { log } = paths(root);
  const lines = firstErrors(host.read(log) ?? "");
  return [
    `the native build failed with exit code ${status}:`,
    ...lines.map((line) => `  ${line.replaceAll(`${root}/`, "")}`),
    `The full log lies in ${relative(process.cwd(), log) || log}`,
  ].join("\n");
}

/**
 * The first lines of a build log that say what went wrong; its last lines when none is recognised.
 * @param {string} text
 * @param {number} [count]
 */
export function firstErrors(text, count = 6) {
  const lines = text.split("\n").map((line) => line.trimEnd());
  /** @type {string[]} */
  const errors = [];
  for (const [i, line] of lines.entries()) {
    if (/^CMake Error/.test(line)) {
      const rest = lines.slice(i + 1, i + 6).map((next) => next.trim());
      errors.push([line, ...rest].filter(Boolean).join(" "));
    } else if (
      /(: (fatal )?error:|undefined reference|cannot find -l|: not found$|c\+\+: .*Killed)/.test(line)
    ) {
      errors.push(line);
    }
  }
  return errors.length > 0 ? errors.slice(0, count) : lines.filter(Boolean).slice(-count);
}
