// @ts-check
// The native build: unmask_torch.node, by CMake, with the N-API headers from npm (so that it does not depend on which
// Node runs). A clone builds inside packages/torch and keeps its objects, so that CMake compiles only what changed; an
// installed package builds in the user's cache, in a folder named after libtorch, its ABI, the machine and everything
// else that went in. The stamp holds every input.

import { existsSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, freemem } from "node:os";
import { join, relative, resolve } from "node:path";
import { SetupFailure } from "./failure.mjs";
import { cacheFolder, onPath } from "./host.mjs";
import { addonName, choicePath, isClone, packageVersion } from "./locate.mjs";
import { run } from "./run.mjs";
import {
  filesBelow,
  hashContents,
  hashText,
  isStamped,
  readStamp,
  removeStamp,
  writeStamp,
} from "./stamp.mjs";

/**
 * @typedef {import("./libtorch.mjs").Libtorch} Libtorch
 * @typedef {import("./context.mjs").Context} Context
 * @typedef {Pick<Context, "torch" | "host">} Place
 * @typedef {{ configuration: unknown, sources: string }} Inputs
 */

/**
 * @param {Context} context
 * @param {Libtorch} libtorch
 * @returns {Promise<{ skipped: boolean, addon: string }>}
 */
export async function buildNative(context, libtorch) {
  const { options, exclusive } = context;
  const addon = paths(context, libtorch).product;
  if (!options.build && isBuilt(context, libtorch)) return { skipped: !choose(context, libtorch), addon };
  await exclusive();
  if (!options.build && isBuilt(context, libtorch)) return { skipped: !choose(context, libtorch), addon };
  await compile(context, libtorch);
  choose(context, libtorch);
  return { skipped: false, addon };
}

/**
 * @param {Context} context
 * @param {Libtorch} libtorch
 */
async function compile(context, libtorch) {
  const { torch, say } = context;
  const wanted = inputs(context, libtorch);
  const { folder, stamp, product, log } = paths(context, libtorch);
  const before = /** @type {Inputs | undefined} */ (readStamp(stamp) ?? readStamp(`${stamp}.failed`));
  if (JSON.stringify(before?.configuration) !== JSON.stringify(wanted.configuration))
    rmSync(folder, { recursive: true, force: true });
  removeStamp(stamp);
  rmSync(log, { force: true });
  say(`building the native addon against libtorch ${libtorch.version} (up to a minute or two)`);
  writeStamp(`${stamp}.failed`, wanted); // until the end is reached
  for (const args of commands(context, libtorch)) {
    const status = await run("cmake", args, { cwd: torch, log });
    if (status !== 0) throw new SetupFailure(explain(context, log, status));
  }
  if (!existsSync(product))
    throw new SetupFailure(`the native build made no ${product}; its log lies in ${log}.`);
  removeStamp(`${stamp}.failed`);
  if (!isClone(torch)) keepOnly(folder, [product, log]);
  writeStamp(stamp, wanted);
}

/**
 * @param {Place} place
 * @param {Libtorch | undefined} libtorch
 */
export function isBuilt(place, libtorch) {
  if (libtorch === undefined) return false;
  const { stamp, product } = paths(place, libtorch);
  return existsSync(product) && existsSync(stamp) && isStamped(stamp, inputs(place, libtorch));
}

/**
 * Makes the addon of this libtorch the one that an installed package loads.
 * @param {Place} place
 * @param {Libtorch} libtorch
 * @returns {boolean} whether that changed anything
 */
function choose(place, libtorch) {
  if (isClone(place.torch)) return false;
  const path = choicePath(cacheFolder(place.host), packageVersion(place.torch));
  const choice = { folder: cacheKey(place, libtorch) };
  if (isStamped(path, choice)) return false;
  writeStamp(path, choice);
  return true;
}

/**
 * @param {string} folder
 * @param {string[]} kept
 */
function keepOnly(folder, kept) {
  for (const name of readdirSync(folder))
    if (!kept.includes(join(folder, name))) rmSync(join(folder, name), { recursive: true });
}

/**
 * @param {Place} place
 * @param {Libtorch} libtorch
 */
function paths(place, libtorch) {
  const folder = isClone(place.torch)
    ? join(place.torch, "build")
    : join(cacheFolder(place.host), "addon", cacheKey(place, libtorch));
  return {
    folder,
    product: join(folder, addonName),
    stamp: join(folder, ".setup-native.json"),
    log: join(folder, "build.log"),
  };
}

/**
 * Name of the cache's folder: what people recognise, then a hash of all that went in.
 * @param {Place} place
 * @param {Libtorch} libtorch
 */
function cacheKey(place, libtorch) {
  const { version, cxx11Abi } = libtorch;
  const abi = cxx11Abi === null ? "" : cxx11Abi ? "-cxx11" : "-precxx11";
  const hash = hashText(JSON.stringify(inputs(place, libtorch))).slice(0, 8);
  return `${version}${abi}-${process.platform}-${process.arch}-${hash}`.replace(/[^\w.+-]/g, "_");
}

/** @param {string} torch */
function headers(torch) {
  const require = createRequire(join(torch, "package.json"));
  const folder = (/** @type {string} */ name) => {
    // node-addon-api tells its folder relative to the working directory.
    const include = resolve(require(name).include_dir);
    return { include, version: require(`${name}/package.json`).version };
  };
  return { addonApi: folder("node-addon-api"), nodeApi: folder("node-api-headers") };
}

/**
 * Where things lie goes in only for a clone, whose CMake cache names folders; an installed package's addon serves every
 * project that has the same version.
 * @param {Place} place
 * @param {Libtorch} libtorch
 * @returns {Inputs}
 */
function inputs({ torch }, libtorch) {
  const { kind: _kind, reason: _reason, ...engine } = libtorch;
  const { CXX = "", CXXFLAGS = "", LDFLAGS = "" } = process.env;
  const platform = `${process.platform}-${process.arch}`;
  const files = [join(torch, "CMakeLists.txt"), ...filesBelow(join(torch, "native"))];
  if (!existsSync(files[0] ?? ""))
    throw new SetupFailure(`${files[0]} is missing; the package is not complete.`, 2);
  const { addonApi, nodeApi } = headers(torch);
  const places = isClone(torch) ? { torch, addonApi: addonApi.include, nodeApi: nodeApi.include } : {};
  const versions = { addonApi: addonApi.version, nodeApi: nodeApi.version };
  return {
    configuration: { engine, versions, places, platform, CXX, CXXFLAGS, LDFLAGS },
    sources: hashContents(torch, files),
  };
}

/**
 * @param {Context} context
 * @param {Libtorch} libtorch
 */
function commands(context, libtorch) {
  const { torch, host } = context;
  const { addonApi, nodeApi } = headers(torch);
  const { folder } = paths(context, libtorch);
  // A file that includes libtorch's headers takes about 1.5 GB to compile.
  const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / 1.5e9)));
  const generator = onPath(host, "make") || host.env.CMAKE_GENERATOR ? [] : ["-G", "Ninja"];
  return [
    [
      ...["-S", torch, "-B", folder, ...generator],
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
 * @param {Context} context
 * @param {string} log
 * @param {number} status
 */
function explain({ torch, host }, log, status) {
  const lines = firstErrors(host.read(log) ?? "");
  return [
    `the native build failed with exit code ${status}:`,
    ...lines.map((line) => `  ${line.replaceAll(`${torch}/`, "")}`),
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
