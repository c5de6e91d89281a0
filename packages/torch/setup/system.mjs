// @ts-check
// What the operating system must provide: a compiler, CMake, make, libtorch, and on Debian a fast BLAS. Debian and
// Ubuntu can be helped (with root or password-less sudo); elsewhere we say the exact command.

import { join } from "node:path";
import { SetupFailure } from "./failure.mjs";
import { onPath } from "./host.mjs";
import { oldestLibtorch } from "./libtorch.mjs";
import { families, isDebian, multiarch } from "./os-release.mjs";
import { run } from "./run.mjs";
import { atLeast } from "./version.mjs";

/** @typedef {import("./host.mjs").Host} Host */

/**
 * The programs that the native build lacks, by their Debian package.
 * @param {Host} host
 */
export function missingTools(host) {
  const missing = [];
  if (!host.env.CXX && !onPath(host, "c++", "g++", "clang++")) missing.push("g++");
  if (!onPath(host, "cmake")) missing.push("cmake");
  if (!onPath(host, "make", "ninja")) missing.push("make");
  return missing;
}

/**
 * Whether Debian's libblas.so.3 is the reference implementation, with which fp32 products are many times slower.
 * @param {Host} host
 */
export function hasSlowBlas(host) {
  const library = `/usr/lib/${multiarch(host.arch)}/libblas.so.3`;
  return host.exists(library) && /\/blas\/libblas\.so/.test(host.realpath(library));
}

/**
 * Everything to install, as Debian packages; none when nothing is missing.
 * @param {Host} host
 * @param {{ libtorch: import("./libtorch.mjs").Libtorch | undefined, building: boolean }} state
 */
export function missingPackages(host, { libtorch, building }) {
  const packages = libtorch === undefined ? ["libtorch-dev", "libopenblas0-openmp"] : [];
  if (libtorch?.kind === "system" && isDebian(host) && hasSlowBlas(host))
    packages.push("libopenblas0-openmp");
  return building ? [...packages, ...missingTools(host)] : packages;
}

/**
 * How apt can be called here, or why it cannot.
 * @param {Host} host
 * @param {boolean} forbidden
 * @returns {{ prefix: string[] } | { because: string }}
 */
export function aptAccess(host, forbidden) {
  if (forbidden) return { because: "--no-system (or UNMASK_NO_SYSTEM=1) forbids installing system packages" };
  if (!isDebian(host))
    return { because: "only Debian's and Ubuntu's packages can be installed automatically" };
  if (!onPath(host, "apt-get")) return { because: "there is no apt-get here" };
  if (host.root) return { prefix: [] };
  if (onPath(host, "sudo") && host.ask("sudo", ["-n", "true"]).status === 0)
    return { prefix: ["sudo", "-n"] };
  return { because: "that needs root or password-less sudo" };
}

/**
 * @param {Host} host
 * @param {string[]} packages
 * @param {{ prefix: string[], log: string, say: (line: string) => void, optional?: string[] }} options `optional`:
 *   packages to install as well if this system has them
 */
export async function aptInstall(host, packages, { prefix, log, say, optional = [] }) {
  const apt = async (/** @type {string[]} */ ...args) => {
    const command = [
      ...prefix,
      "env",
      "DEBIAN_FRONTEND=noninteractive",
      "apt-get",
      "-q",
      ...waitForOthers,
      ...args,
    ];
    return run(/** @type {string} */ (command[0]), command.slice(1), { log });
  };
  if (packages.some((name) => candidateVersion(host, name) === undefined)) {
    say("fetching the package lists (apt-get update)");
    await apt("update"); // whether it sufficed shows below
  }
  const version = packages.includes("libtorch-dev") ? candidateVersion(host, "libtorch-dev") : undefined;
  if (version !== undefined && !atLeast(version, oldestLibtorch))
    throw new SetupFailure(
      `this system's libtorch-dev is ${version} and unmask needs ${oldestLibtorch} or newer: ${ownPyTorch}`,
      2,
    );
  const also = optional.filter((name) => candidateVersion(host, name) !== undefined);
  const status = await apt("install", "-y", "--no-install-recommends", ...packages, ...also);
  if (status !== 0)
    throw new SetupFailure(
      `apt-get install failed with exit code ${status}:\n${errorsOfApt(host, log)}\n` +
        `Mend that and run: ${installCommand(host, packages)}`,
    );
}

const waitForOthers = ["-o", "DPkg::Lock::Timeout=300"];

/**
 * @param {Host} host
 * @param {string} name
 */
function candidateVersion(host, name) {
  const policy = host.ask("apt-cache", ["policy", name]).stdout;
  const version = /^ {2}Candidate: (?!\(none\))(.*)$/m.exec(policy)?.[1];
  return version?.replace(/^\d+:/, "");
}

/**
 * @param {Host} host
 * @param {string} log
 */
function errorsOfApt(host, log) {
  const lines = (host.read(log) ?? "").split("\n");
  const errors = lines.filter((line) => /^(E:|Err:|dpkg: error)/.test(line));
  return [...new Set(errors.length > 0 ? errors : lines.slice(-5))].slice(-8).join("\n");
}

/**
 * @param {Host} host
 * @param {string[]} packages
 */
function installCommand(host, packages) {
  return `${host.root ? "" : "sudo "}apt-get install -y --no-install-recommends ${packages.join(" ")}`;
}

const ownPyTorch =
  "take PyTorch's own (python3 -m venv ~/.venvs/torch && . ~/.venvs/torch/bin/activate && pip install torch) " +
  "and run the same command again in that shell, or let it fetch the official libtorch: --download cpu (or cuda).";

/**
 * The sentence for somebody who must install something by hand.
 * @param {Host} host
 * @param {string[]} packages by Debian's names
 * @param {string} because
 */
export function handInstructions(host, packages, because) {
  if (isDebian(host))
    return `${packages.join(", ")} must be installed first and ${because}. Run: ${installCommand(host, packages)}`;
  const command = families(host)
    .map((family) => commands[/** @type {keyof typeof commands} */ (family)])
    .find(Boolean)?.(packages);
  const sentences = [];
  if (packages.includes("libtorch-dev"))
    sentences.push(
      `No libtorch of ${oldestLibtorch} or newer was found. Without the system's: ${ownPyTorch}`,
    );
  if (packages.some((name) => tools.includes(name)))
    sentences.push("A C++ compiler, CMake and make are needed.");
  if (command !== undefined) sentences.push(`Run: ${command}`);
  else if (packages.some((name) => name !== "libtorch-dev"))
    sentences.push(`Run: your package manager for ${packages.join(", ")}`);
  return sentences.join("\n");
}

const tools = ["g++", "cmake", "make"];

/** @param {Record<string, string>} names what the system calls Debian's packages */
function withNames(/** @type {string} */ prefix, names) {
  return (/** @type {string[]} */ packages) => {
    const own = packages.map((name) => names[name]).filter((name) => name !== undefined);
    return own.length === 0 ? undefined : `${prefix} ${[...new Set(own)].join(" ")}`;
  };
}

const rpm = { "g++": "gcc-c++", cmake: "cmake", make: "make", "libtorch-dev": "python3-torch-devel" };
const brew = withNames("brew install", { cmake: "cmake", "libtorch-dev": "pytorch" });

/** Red Hat Enterprise Linux has no package of PyTorch. */
const { "libtorch-dev": _none, ...rhel } = rpm;

/** By family of distributions: the command that installs what these packages of Debian are. */
const commands = {
  fedora: withNames("sudo dnf install -y", rpm),
  rhel: withNames("sudo dnf install -y", rhel),
  suse: withNames("sudo zypper install -y", rpm),
  arch: withNames("sudo pacman -S --needed", {
    "g++": "gcc",
    cmake: "cmake",
    make: "make",
    "libtorch-dev": "python-pytorch",
  }),
  darwin: (/** @type {string[]} */ packages) => {
    const compiler = packages.some((name) => name === "g++" || name === "make");
    return [compiler ? "xcode-select --install" : undefined, brew(packages)].filter(Boolean).join(" && ");
  },
};

/** @param {string} state */
export function aptLog(state) {
  return join(state, "apt.log");
}
