// @ts-check
// A registry of npm on this machine that offers what node_modules holds, so that installing the packed packages into an
// empty folder needs no network.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

/** @typedef {{ name: string, version: string, folder: string, manifest: object }} Held */

/**
 * @param {string} root the repository
 * @returns {Promise<{ address: string, close: () => void }>}
 */
export async function serveRegistry(root) {
  const held = [...packagesBelow(join(root, "node_modules"))];
  const server = createServer((request, response) => {
    const [, path = "", index] =
      /^\/(.+?)(?:\/-\/(\d+)\.tgz)?$/.exec(decodeURIComponent(request.url ?? "")) ?? [];
    const offered = held.filter(({ name }) => name === path);
    if (offered.length === 0) return response.writeHead(404).end("{}");
    if (index === undefined) return response.end(JSON.stringify(describe(path, offered, address())));
    return response.end(tarball(/** @type {Held} */ (held[Number(index)])));
  });
  const address = () => `http://127.0.0.1:${/** @type {{ port: number }} */ (server.address()).port}`;
  /** What npm asks for first. */
  const describe = (
    /** @type {string} */ name,
    /** @type {Held[]} */ offered,
    /** @type {string} */ base,
  ) => ({
    name,
    "dist-tags": { latest: offered[0]?.version },
    versions: Object.fromEntries(
      offered.map((one) => {
        const dist = { tarball: `${base}/${name}/-/${held.indexOf(one)}.tgz` };
        return [one.version, { ...one.manifest, dist }];
      }),
    ),
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", () => done(undefined)));
  return { address: address(), close: () => server.close() };
}

/**
 * @param {string} folder a node_modules
 * @returns {Generator<Held>}
 */
function* packagesBelow(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) continue; // links are the workspaces
    if (entry.name.startsWith("@")) {
      yield* packagesBelow(path);
      continue;
    }
    const file = join(path, "package.json");
    if (!existsSync(file)) continue;
    const manifest = JSON.parse(readFileSync(file, "utf8"));
    if (manifest.name && manifest.version)
      yield { name: manifest.name, version: manifest.version, folder: path, manifest };
    yield* packagesBelow(join(path, "node_modules"));
  }
}

/** @param {Held} held */
function tarball({ folder }) {
  const rename = ["--exclude=./node_modules", "--transform=s,^\\.,package,"];
  return execFileSync("tar", ["-czf", "-", ...rename, "-C", folder, "."], { maxBuffer: 1 << 28 });
}
