// @ts-check
// Which Linux this is, from /etc/os-release (see man 5 os-release: shell-like assignments, optional quotes).

/**
 * @param {string} text
 * @returns {Record<string, string>}
 */
export function parseOsRelease(text) {
  /** @type {Record<string, string>} */
  const values = {};
  for (const line of text.split("\n")) {
    const match = /^\s*([A-Z0-9_]+)=(.*?)\s*$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    const quoted = /^(["'])(.*)\1$/.exec(match[2]);
    values[match[1]] = (quoted?.[2] ?? match[2]).replace(/\\(["'$`\\])/g, "$1");
  }
  return values;
}

/**
 * The distribution's own id and those it descends from, nearest first; on macOS "darwin".
 * @param {import("./host.mjs").Host} host
 */
export function families(host) {
  const text = host.read("/etc/os-release") ?? host.read("/usr/lib/os-release");
  if (host.platform !== "linux" || text === undefined) return [host.platform];
  const { ID = "linux", ID_LIKE = "" } = parseOsRelease(text);
  return [ID, ...ID_LIKE.split(/\s+/).filter(Boolean)].map((id) => id.toLowerCase());
}

/**
 * Why no libtorch runs here, with what does; undefined where one may.
 * @param {import("./host.mjs").Host} host
 */
export function unsupported({ platform, glibc }) {
  if (platform === "win32")
    return (
      "unmask does not run on Windows itself: install the Windows Subsystem for Linux (wsl --install -d Debian), and " +
      "Node and unmask inside it."
    );
  if (platform === "linux" && !glibc)
    return (
      "this Linux has musl as its C library (Alpine and its relatives) and libtorch needs the GNU C library: use " +
      "another distribution or image, such as node:22-bookworm."
    );
  return undefined;
}

/** @param {import("./host.mjs").Host} host */
export function isDebian(host) {
  return families(host).some((id) => id === "debian" || id === "ubuntu");
}

/**
 * Debian's name for this machine's library folder.
 * @param {string} arch as process.arch
 */
export function multiarch(arch) {
  const names = { x64: "x86_64", arm64: "aarch64", ppc64: "powerpc64le" };
  return `${names[/** @type {keyof typeof names} */ (arch)] ?? arch}-linux-gnu`;
}
