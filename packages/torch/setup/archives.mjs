// @ts-check
// The official libtorch archives that `--download` takes. PyTorch publishes no checksums of them; these are the ones
// that independent packagers recorded of the same addresses (docs/decisions.md). A new release is a new table.

/**
 * @typedef {"cpu" | "cuda"} Build
 *
 * @typedef {object} Archive
 * @property {string} version
 * @property {string} path behind the server's address
 * @property {string} sha256
 * @property {string} size for people
 */

const version = "2.10.0";

export const server = "https://download.pytorch.org/libtorch";

/** By platform-architecture, as Node names them, and build. */
const archives = {
  "linux-x64": {
    cpu: {
      version: `${version}+cpu`,
      path: `cpu/libtorch-shared-with-deps-${version}%2Bcpu.zip`,
      sha256: "c5bf8efda9224a2d971b19d1ef6cf3ba6fee8ab53e69c49427db003d1d300496",
      size: "about 200 MB",
    },
    cuda: {
      version: `${version}+cu128`,
      path: `cu128/libtorch-shared-with-deps-${version}%2Bcu128.zip`,
      sha256: "429aa9fead3cf3d557e7c310442a1fae3879cdc14a469ff452043b39b61666a9",
      size: "3.9 GB",
    },
  },
  "darwin-arm64": {
    cpu: {
      version,
      path: `cpu/libtorch-macos-arm64-${version}.zip`,
      sha256: "13061d97e561235d9e43c132f6dc9b08a60f487a833da53a951614a96d3e7d32",
      size: "about 100 MB",
    },
  },
};

/**
 * @param {{ platform: string, arch: string }} host
 * @param {Build} build
 * @returns {Archive | undefined} undefined where PyTorch publishes none
 */
export function officialArchive({ platform, arch }, build) {
  /** @type {Record<string, Partial<Record<Build, Archive>>>} */
  const table = archives;
  return table[`${platform}-${arch}`]?.[build];
}
