// @ts-check
// `--download`: an official libtorch archive, by address and checksum, unpacked into the user's cache. A transfer that
// was cut off goes on where it was; nothing counts as there before its checksum was right and all of it is unpacked.

import { createHash } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { officialArchive, server } from "./archives.mjs";
import { SetupFailure } from "./failure.mjs";
import { cacheFolder } from "./host.mjs";
import { cachedLibtorch } from "./libtorch.mjs";
import { run } from "./run.mjs";
import { isStamped, writeStamp } from "./stamp.mjs";

/**
 * @typedef {import("./archives.mjs").Archive} Archive
 * @typedef {import("./archives.mjs").Build} Build
 * @typedef {import("./context.mjs").Context} Context
 */

/**
 * @param {Context} context
 * @param {Build} build
 * @returns {Promise<import("./libtorch.mjs").Libtorch>}
 */
export async function provideDownload(context, build) {
  const archive = officialArchive(context.host, build);
  if (archive === undefined)
    throw new SetupFailure(
      `PyTorch publishes no libtorch archive of build "${build}" for ${context.host.platform}-${context.host.arch}; ` +
        "take its Python package instead (pip install torch) and run the same command without --download.",
      2,
    );
  return downloadArchive(context, archive);
}

/**
 * @param {Context} context
 * @param {Archive} archive
 * @returns {Promise<import("./libtorch.mjs").Libtorch>}
 */
export async function downloadArchive(context, archive) {
  const folder = join(cacheFolder(context.host), "libtorch");
  const stamp = join(folder, ".archive.json");
  if (!isStamped(stamp, archive)) {
    await context.exclusive();
    const zip = await fetchArchive(context, archive);
    await unpack(context, zip, folder);
    writeStamp(stamp, archive);
    rmSync(zip);
  }
  const found = cachedLibtorch(context.host);
  if (typeof found === "string") throw new SetupFailure(`${folder} holds no usable libtorch: ${found}.`);
  return found;
}

/**
 * @param {Context} context
 * @param {Archive} archive
 * @returns {Promise<string>} a file whose checksum is right
 */
async function fetchArchive({ host, say }, { path, sha256, size }) {
  const address = `${(host.env.UNMASK_LIBTORCH_MIRROR || server).replace(/\/$/, "")}/${path}`;
  const folder = join(cacheFolder(host), "download");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, decodeURIComponent(basename(path)));
  const partial = `${file}.partial`;
  if (!existsSync(file)) {
    say(`fetching ${address} (${size})`);
    await transfer(address, partial, say);
    renameSync(partial, file);
  }
  const actual = await checksum(file);
  if (actual === sha256) return file;
  rmSync(file);
  throw new SetupFailure(
    `${address} has the SHA-256 ${actual} and ${sha256} is expected: it was deleted. Try again; if it happens twice, ` +
      "the file is not the official one.",
  );
}

/**
 * @param {string} address
 * @param {string} partial what came so far; the rest is asked for
 * @param {(line: string) => void} say
 */
async function transfer(address, partial, say) {
  const have = statSync(partial, { throwIfNoEntry: false })?.size ?? 0;
  const again = `Try again, or fetch a libtorch by hand and set LIBTORCH to its folder.`;
  /** @type {Response} */
  let response;
  try {
    response = await fetch(address, have > 0 ? { headers: { Range: `bytes=${have}-` } } : {});
  } catch (error) {
    const cause = /** @type {{ cause?: Error, message: string }} */ (error);
    throw new SetupFailure(
      `${address} cannot be reached (${cause.cause?.message ?? cause.message}). ${again}`,
    );
  }
  if (response.status === 416) return; // all of it is here already
  if (!response.ok || response.body === null)
    throw new SetupFailure(`${address} answered ${response.status} ${response.statusText}. ${again}`);
  const goesOn = response.status === 206;
  const total = Number(response.headers.get("content-length") ?? 0) + (goesOn ? have : 0);
  try {
    await pipeline(
      Readable.fromWeb(/** @type {import("node:stream/web").ReadableStream} */ (response.body)),
      progress(goesOn ? have : 0, total, say),
      createWriteStream(partial, { flags: goesOn ? "a" : "w" }),
    );
  } catch (error) {
    throw new SetupFailure(
      `the transfer of ${address} broke off (${/** @type {Error} */ (error).message}); the same command goes on with it.`,
    );
  }
}

/**
 * Says each tenth of a long transfer.
 * @param {number} before bytes
 * @param {number} total bytes; 0 if unknown
 * @param {(line: string) => void} say
 */
function progress(before, total, say) {
  return async function* (/** @type {AsyncIterable<Uint8Array>} */ source) {
    let [done, told] = [before, Math.floor((10 * before) / Math.max(1, total))];
    for await (const chunk of source) {
      done += chunk.length;
      const tenth = Math.floor((10 * done) / Math.max(done, total));
      if (tenth > told && total > 1e7) say(`  ${Math.round(done / 1e6)} of ${Math.round(total / 1e6)} MB`);
      told = tenth;
      yield chunk;
    }
  };
}

/** @param {string} file */
async function checksum(file) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

/**
 * CMake, which the build needs anyway, unpacks zip files.
 * @param {Context} context
 * @param {string} zip
 * @param {string} folder that takes the place of what was there
 */
async function unpack({ say }, zip, folder) {
  say("unpacking it");
  const beside = `${folder}.unpacking`;
  rmSync(beside, { recursive: true, force: true });
  mkdirSync(beside, { recursive: true });
  const status = await run("cmake", ["-E", "tar", "xf", zip], { cwd: beside, quiet: true });
  if (status !== 0 || !existsSync(join(beside, "libtorch")))
    throw new SetupFailure(`${zip} cannot be unpacked (exit code ${status}); is the disk full?`);
  rmSync(folder, { recursive: true, force: true });
  renameSync(join(beside, "libtorch"), folder);
  rmSync(beside, { recursive: true });
}
