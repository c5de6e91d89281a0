// @ts-check
// Finding libtorch. Order: LIBTORCH; the active venv or conda; python3 on PATH; /usr/bin/python3; the system; the
// user's cache. A candidate counts only with CMake configuration, headers, and version 1.13 or newer. (Debian's
// python3-torch brings neither headers nor configuration; its libtorch-dev does, and is found as "system".)

import { dirname, join, resolve } from "node:path";
import { SetupFailure } from "./failure.mjs";
import { cacheFolder, onPath } from "./host.mjs";
import { multiarch } from "./os-release.mjs";
import { atLeast } from "./version.mjs";

export const oldestLibtorch = "1.13";

/**
 * @typedef {import("./host.mjs").Host} Host
 * @typedef {"LIBTORCH" | "venv" | "conda" | "python" | "system-python" | "system" | "cache"} Kind
 *
 * @typedef {object} Libtorch
 * @property {Kind} kind
 * @property {string} version
 * @property {string} prefix for CMAKE_PREFIX_PATH
 * @property {string} config folder of TorchConfig.cmake
 * @property {boolean | null} cxx11Abi null where there is only one
 * @property {string} reason why it was taken, for people
 *
 * @typedef {{ kind: Kind, where: string, reason: string }} Rejection
 * @typedef {{ found: Libtorch | undefined, rejected: Rejection[], watch: string[] }} Search
 *
 * @typedef {object} Candidate
 * @property {Kind} kind
 * @property {string} where
 * @property {string} reason
 * @property {string[]} configs folders that may hold TorchConfig.cmake
 * @property {string} [version]
 * @property {boolean} [cxx11Abi]
 * @property {string} [refused] why it cannot be used, when that is known already
 */

/**
 * @param {Host} host
 * @returns {Search} `watch` lists the folders whose change makes the answer worth asking for again
 */
export function findLibtorch(host) {
  /** @type {Rejection[]} */
  const rejected = [];
  /** @type {string[]} */
  const watch = [];
  for (const candidate of candidates(host, watch)) {
    const found = inspect(host, candidate);
    if (typeof found !== "string") return { found, rejected, watch };
    if (candidate.kind === "LIBTORCH")
      throw new SetupFailure(
        `LIBTORCH=${candidate.where} cannot be used: ${found}; point it at a libtorch of ${oldestLibtorch} or newer ` +
          "(the folder with include/ and share/cmake/Torch), or unset it.",
        2,
      );
    rejected.push({ kind: candidate.kind, where: candidate.where, reason: found });
  }
  return { found: undefined, rejected, watch };
}

/**
 * @param {Host} host
 * @param {string[]} watch
 * @returns {Generator<Candidate>}
 */
function* candidates(host, watch) {
  const { LIBTORCH, VIRTUAL_ENV, CONDA_PREFIX } = host.env;
  if (LIBTORCH)
    yield {
      kind: "LIBTORCH",
      where: LIBTORCH,
      reason: "LIBTORCH names it",
      configs: configsBelow(host, resolve(LIBTORCH)),
    };

  /** @type {[Kind, string | undefined, string][]} */
  const pythons = [
    ["venv", VIRTUAL_ENV && join(VIRTUAL_ENV, "bin", "python"), "PyTorch of the active venv"],
    ["conda", CONDA_PREFIX && join(CONDA_PREFIX, "bin", "python"), "PyTorch of the active conda environment"],
    ["python", onPath(host, "python3"), "PyTorch of python3"],
    ["system-python", "/usr/bin/python3", "PyTorch of /usr/bin/python3"],
  ];
  const asked = new Set();
  for (const [kind, python, reason] of pythons) {
    // A venv's python is a link to the one that made it, so the folder is part of its identity.
    if (!python || asked.has(python) || !host.exists(python)) continue;
    asked.add(python);
    yield askPython(host, kind, python, reason, watch);
  }

  const homebrew = host.platform === "darwin" ? "/opt/homebrew" : "/home/linuxbrew/.linuxbrew";
  for (const prefix of ["/usr/local", "/usr", "/opt/libtorch", homebrew])
    yield {
      kind: "system",
      where: prefix,
      reason: "the system's libtorch",
      configs: configsBelow(host, prefix),
    };

  watch.push(join(cacheFolder(host), "libtorch"));
  yield ofCache(host);
}

/**
 * @param {Host} host
 * @returns {Candidate}
 */
function ofCache(host) {
  const where = join(cacheFolder(host), "libtorch");
  return { kind: "cache", where, reason: "the user's cache", configs: configsBelow(host, where) };
}

/**
 * The libtorch that `--download` unpacked.
 * @param {Host} host
 * @returns {Libtorch | string} or why it does not count
 */
export function cachedLibtorch(host) {
  return inspect(host, ofCache(host));
}

/**
 * @param {Host} host
 * @param {string} prefix
 */
function configsBelow(host, prefix) {
  const folders = ["share", "lib", "lib64", `lib/${multiarch(host.arch)}`];
  return [prefix, ...folders.map((folder) => join(prefix, folder, "cmake", "Torch"))];
}

const question = `
import json, site, sysconfig
out = {"watch": sorted(set([sysconfig.get_paths()["purelib"], *getattr(site, "getsitepackages", list)()]))}
try:
    import torch
    out.update(version=str(torch.__version__), cmake=torch.utils.cmake_prefix_path,
               abi=bool(torch._C._GLIBCXX_USE_CXX11_ABI))
except ModuleNotFoundError as error:
    out["error"] = "it has no PyTorch" if error.name == "torch" else str(error)
except Exception as error:
    out["error"] = str(error).split("\\n")[0]
print(json.dumps(out))
`;

/**
 * @param {Host} host
 * @param {Kind} kind
 * @param {string} python
 * @param {string} reason
 * @param {string[]} watch
 * @returns {Candidate}
 */
function askPython(host, kind, python, reason, watch) {
  const base = { kind, where: python, reason, configs: /** @type {string[]} */ ([]) };
  const { status, stdout, stderr } = host.ask(python, ["-c", question]);
  /** @type {{ watch?: string[], error?: string, version?: string, cmake?: string, abi?: boolean }} */
  let told;
  try {
    told = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  } catch {
    const last = stderr.trim().split("\n").at(-1) || `exit status ${status}`;
    return { ...base, refused: `it did not answer (${last})` };
  }
  watch.push(...(told.watch ?? []));
  if (told.error !== undefined || !told.cmake || !told.version)
    return { ...base, refused: told.error ?? "its PyTorch does not say where it lies" };
  return {
    ...base,
    configs: [join(told.cmake, "Torch")],
    version: told.version,
    ...(told.abi === undefined ? {} : { cxx11Abi: told.abi }),
  };
}

/**
 * @param {Host} host
 * @param {Candidate} candidate
 * @returns {Libtorch | string} or why it does not count
 */
function inspect(host, candidate) {
  if (candidate.refused) return candidate.refused;
  const config = candidate.configs.find((folder) => host.exists(join(folder, "TorchConfig.cmake")));
  if (config === undefined)
    return candidate.version === undefined
      ? "there is no TorchConfig.cmake"
      : `its PyTorch ${candidate.version} comes without TorchConfig.cmake`;
  const prefix = prefixWithHeaders(host, config);
  if (prefix === undefined) return "its headers are missing";
  const version = candidate.version ?? configuredVersion(host, config);
  if (version === undefined) return "it does not tell its version";
  if (!atLeast(version, oldestLibtorch)) return `version ${version} is older than ${oldestLibtorch}`;
  const { kind, reason, cxx11Abi = configuredAbi(host, config) } = candidate;
  return { kind, version, prefix, config, cxx11Abi, reason };
}

/**
 * The nearest folder above the configuration that has the headers (prefix/share/cmake/Torch,
 * prefix/lib/x86_64-linux-gnu/cmake/Torch).
 * @param {Host} host
 * @param {string} config
 */
function prefixWithHeaders(host, config) {
  const headers = ["ATen/ATen.h", "torch/torch.h", "torch/csrc/api/include/torch/torch.h"];
  let prefix = config;
  for (let up = 0; up < 5; up++) {
    if (headers.some((header) => host.exists(join(prefix, "include", header)))) return prefix;
    prefix = dirname(prefix);
  }
  return undefined;
}

/**
 * @param {Host} host
 * @param {string} config
 */
function configuredVersion(host, config) {
  const text = host.read(join(config, "TorchConfigVersion.cmake")) ?? "";
  return /set\(PACKAGE_VERSION\s+"([^"]+)"/.exec(text)?.[1];
}

/**
 * @param {Host} host
 * @param {string} config
 */
function configuredAbi(host, config) {
  const text = host.read(join(config, "TorchConfig.cmake")) ?? "";
  const flag = /_GLIBCXX_USE_CXX11_ABI=([01])/.exec(text)?.[1];
  return flag === undefined ? null : flag === "1";
}
