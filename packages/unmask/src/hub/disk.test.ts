import type * as Files from "node:fs/promises";
import { chmod, mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type Fixture, id, messageOf, startFixture, treeOf, weights } from "../../test/hub/fixture.ts";
import { sha256 } from "../../test/hub/server.ts";
import { inWords } from "./disk.ts";
import { fetchSnapshot } from "./snapshot.ts";

const disk = vi.hoisted(() => ({ free: Number.POSITIVE_INFINITY, room: Number.POSITIVE_INFINITY }));

// A disk that is as small as a test wants it; nothing else can be had without being root.
vi.mock("node:fs/promises", async (load) => {
  const real = await load<typeof Files>();
  const open = async (...given: Parameters<typeof real.open>) => {
    const handle = await real.open(...given);
    const write = handle.write.bind(handle) as (...all: unknown[]) => Promise<{ bytesWritten: number }>;
    const limited = async (bytes: Uint8Array, offset: number, length: number, position: number) => {
      const left = disk.room - position;
      if (left <= 0) throw Object.assign(new Error("no room"), { code: "ENOSPC", syscall: "write" });
      return write(bytes, offset, Math.min(length, left), position);
    };
    return Object.assign(handle, { write: limited });
  };
  return { ...real, open, statfs: async () => ({ bavail: disk.free, bsize: 1 }) };
});

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(async () => {
  Object.assign(disk, { free: Number.POSITIVE_INFINITY, room: Number.POSITIVE_INFINITY });
  await fixture.stop();
});

const fetchWeights = () => fetchSnapshot(id, { settings: fixture.settings, files: ["model.safetensors"] });

it("asks for room before it begins, and says how much", async () => {
  disk.free = 150_000;
  expect(await messageOf(fetchWeights())).toMatch(
    /owner\/model: 200 kB are still to be fetched and .* has 150 kB free; make room, or set HF_HUB_CACHE/,
  );
  expect(fixture.server.downloads("model.safetensors")).toEqual([]);
});

it("needs room only for what is missing", async () => {
  fixture.server.fault({ on: /cdn/, cutAfter: 70_000, times: 1 });
  await messageOf(
    fetchSnapshot(id, { settings: { ...fixture.settings, attempts: 1 }, files: ["model.safetensors"] }),
  );
  // A busy machine may lose the end of what was sent before the connection broke.
  const { size } = await stat(join(fixture.folder, "blobs", `${sha256(weights)}.unmask.incomplete`));
  expect(size).toBeGreaterThan(0);
  disk.free = weights.length - size;
  await fetchWeights();
  disk.free = 0;
  await fetchWeights();
});

it("a disk that fills up: one sentence, nothing half visible, and the next call goes on", async () => {
  disk.room = 100_000;
  expect(await messageOf(fetchWeights())).toMatch(
    /the disk is full; what was fetched so far is kept, so make room/,
  );
  expect(await treeOf(join(fixture.folder, "snapshots"))).toEqual([]);
  expect(await readdir(join(fixture.folder, "blobs"))).toEqual([`${sha256(weights)}.unmask.incomplete`]);
  disk.room = Number.POSITIVE_INFINITY;
  const { files } = await fetchWeights();
  expect(files).toEqual(["model.safetensors"]);
  expect(fixture.server.downloads("model.safetensors").map(({ range }) => range)).toEqual([
    undefined,
    "bytes=100000-",
  ]);
});

it("a cache that one may not write to", async () => {
  if (process.getuid?.() === 0) {
    // Root may write anywhere: a file in the place of a folder stands for it.
    const { writeFile } = await import("node:fs/promises");
    await mkdir(fixture.folder);
    await writeFile(join(fixture.folder, "blobs"), "");
  } else await chmod(fixture.cache, 0o500);
  expect(await messageOf(fetchWeights())).toMatch(
    /cannot be used \(E\w+\); check its permissions .*HF_HUB_CACHE/,
  );
  await chmod(fixture.cache, 0o700);
});

it.each([
  [0, "0 bytes"],
  [999, "999 bytes"],
  [1500, "1.5 kB"],
  [16_100_000_000, "16.1 GB"],
  [3e15, "3000 TB"],
])("%d is %s", (bytes, expected) => {
  expect(inWords(bytes)).toBe(expected);
});
