// What only other processes can show: one is killed in the middle, two fetch the same file at once.

import { mkdir, readdir, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { builtModule, runModule } from "../../test/built.ts";
import { contentOf, type Fixture, id, startFixture, treeOf, weights } from "../../test/hub/fixture.ts";
import { sha256 } from "../../test/hub/server.ts";
import { withLock } from "./lock.ts";
import { fetchSnapshot } from "./snapshot.ts";

let fixture: Fixture;
let module: string;
beforeAll(() => {
  module = builtModule("hub/snapshot.js");
});
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.stop());

const files = ["model.safetensors"];
const script = () => `
  import { fetchSnapshot } from ${JSON.stringify(module)};
  const settings = ${JSON.stringify(fixture.settings)};
  const onProgress = ({ receivedBytes }) => console.log("received", receivedBytes);
  const { folder } = await fetchSnapshot(${JSON.stringify(id)}, { settings, files: ${JSON.stringify(files)}, onProgress });
  console.log("folder", folder);
`;

async function expectWhole(folder: string): Promise<void> {
  expect(weights.equals(await contentOf(folder, "model.safetensors"))).toBe(true);
  expect(await readdir(join(fixture.folder, "blobs"))).toEqual([sha256(weights)]);
  expect(await treeOf(join(fixture.cache, ".locks"))).toEqual([]);
}

it("a process that is killed leaves nothing visible, and the next goes on where it ended", async () => {
  fixture.server.fault({ on: /cdn/, hangAfter: 150_000 });
  const child = await runModule(script(), {
    onLine: (line, kill) => line.startsWith("received") && void waitFor(kill),
  });
  expect(child.signal).toBe("SIGKILL");
  expect(await treeOf(join(fixture.folder, "snapshots"))).toEqual([]);
  const { folder } = await fetchSnapshot(id, { settings: fixture.settings, files });
  await expectWhole(folder);
  const [first, second] = fixture.server.downloads("model.safetensors");
  expect([first?.range, second?.range]).toEqual([undefined, "bytes=150000-"]);
});

/** Until the child has written all that the server sent. */
async function waitFor(kill: () => void): Promise<void> {
  const partial = join(fixture.folder, "blobs", `${sha256(weights)}.unmask.incomplete`);
  for (let tries = 0; tries < 100 && (await stat(partial)).size < 150_000; tries++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  kill();
}

it("processes that want the same file at once fetch it once", async () => {
  fixture.server.fault({ on: /cdn/, slowMs: 30 });
  const children = await Promise.all([runModule(script()), runModule(script())]);
  const [here, again] = await Promise.all(
    [1, 2].map(() => fetchSnapshot(id, { settings: fixture.settings, files })),
  );
  expect(here).toEqual(again);
  for (const { status, stdout } of children) {
    expect(status).toBe(0);
    expect(stdout).toContain(`folder ${here!.folder}`);
  }
  await expectWhole(here!.folder);
  expect(fixture.server.downloads("model.safetensors")).toHaveLength(1);
});

it("calls in one process at once fetch it once, too", async () => {
  fixture.server.fault({ on: /cdn/, slowMs: 5 });
  const calls = [1, 2, 3].map(() => fetchSnapshot(id, { settings: fixture.settings, files }));
  const [first] = await Promise.all(calls);
  await expectWhole(first!.folder);
  expect(fixture.server.downloads("model.safetensors")).toHaveLength(1);
});

it("a lock whose process is gone is broken; one that lives is waited for, until the caller gives up", async () => {
  const path = join(fixture.cache, "lock");
  await mkdir(fixture.cache, { recursive: true });
  const holder = (pid: number) => JSON.stringify({ host: hostname(), pid });
  const never = async () => false;
  await writeFile(path, holder(2 ** 22 + 1));
  let ran = 0;
  const body = async () => {
    ran++;
    expect(await treeOf(fixture.cache)).toEqual(["lock"]);
  };
  await withLock(path, { isDone: never }, body);
  expect(ran).toBe(1);
  expect(await treeOf(fixture.cache)).toEqual([]);
  await writeFile(path, holder(process.pid));
  await utimes(path, new Date(0), new Date(0));
  const signal = AbortSignal.timeout(150);
  await expect(withLock(path, { signal, isDone: never }, body)).rejects.toThrow(/timeout/i);
  await withLock(path, { isDone: async () => true }, body);
  expect(ran).toBe(1);
});
