import { mkdir, readdir, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  contentOf,
  type Fixture,
  id,
  messageOf,
  startFixture,
  treeOf,
  weights,
} from "../../test/hub/fixture.ts";
import { sha256 } from "../../test/hub/server.ts";
import { UnmaskError } from "../base/errors.ts";
import { fetchSnapshot } from "./snapshot.ts";

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.stop());

const files = ["model.safetensors"];
const fetchWeights = (changes = {}) =>
  fetchSnapshot(id, { settings: { ...fixture.settings, ...changes }, files });
const blob = () => join(fixture.folder, "blobs", sha256(weights));
const ranges = () => fixture.server.downloads("model.safetensors").map(({ range }) => range);

async function expectWhole(): Promise<void> {
  const { folder } = await fetchWeights();
  expect(weights.equals(await contentOf(folder, "model.safetensors"))).toBe(true);
  expect(await readdir(join(fixture.folder, "blobs"))).toEqual([sha256(weights)]);
}

describe("a connection that breaks", () => {
  it("is taken up where it ended, within one call", async () => {
    fixture.server.fault({ on: /cdn/, cutAfter: 70_000 });
    fixture.server.fault({ on: /cdn/, cutAfter: 50_000 });
    await expectWhole();
    expect(ranges()).toEqual([undefined, "bytes=70000-", "bytes=120000-"]);
    const sent = fixture.server.downloads("model.safetensors").map((one) => one.sent);
    expect(sent).toEqual([70_000, 50_000, 80_000]);
  });

  it("is taken up by the next call, and shows nothing in between", async () => {
    fixture.server.fault({ on: /cdn/, cutAfter: 70_000 });
    const message = await messageOf(fetchWeights({ attempts: 1 }));
    expect(message).toMatch(/owner\/model: fetching model\.safetensors: .*run it again.*HF_HUB_OFFLINE/);
    expect(await treeOf(join(fixture.folder, "snapshots"))).toEqual([]);
    expect(await readdir(join(fixture.folder, "blobs"))).toEqual([`${sha256(weights)}.unmask.incomplete`]);
    await expectWhole();
    expect(ranges()).toEqual([undefined, "bytes=70000-"]);
  });

  it("may break any number of times as long as something new comes", async () => {
    fixture.server.fault({ on: /cdn/, cutAfter: 25_000, times: 7 });
    await expectWhole();
    expect(ranges()).toHaveLength(8);
  });

  it("is given up when nothing new comes, also from a server that cannot resume", async () => {
    fixture.server.fault({ on: /cdn/, cutAfter: 70_000, ignoreRange: true, times: 100 });
    expect(await messageOf(fetchWeights())).toMatch(/3 times/);
    expect(ranges()).toHaveLength(3);
    fixture.server.mend();
    await expectWhole();
  });
});

describe("resuming", () => {
  it("begins again if the server ignores the range", async () => {
    fixture.server.fault({ on: /cdn/, cutAfter: 70_000 });
    fixture.server.fault({ on: /cdn/, ignoreRange: true });
    await expectWhole();
    expect(ranges()).toEqual([undefined, "bytes=70000-"]);
  });

  it("begins again if the answer is another range", async () => {
    fixture.server.fault({ on: /cdn/, cutAfter: 70_000 });
    const headers = { "content-range": `bytes 0-199999/200000` };
    fixture.server.fault({ on: /cdn/, status: 206, headers, body: "x".repeat(10) });
    await expectWhole();
    expect(ranges()).toEqual([undefined, "bytes=70000-", undefined]);
  });

  it("does not trust a partial file that is too long, wrong, or already whole", async () => {
    const partial = `${blob()}.unmask.incomplete`;
    await mkdir(join(fixture.folder, "blobs"), { recursive: true });
    await writeFile(partial, Buffer.alloc(300_000));
    await expectWhole();
    await fixture.stop();
    fixture = await startFixture();
    await mkdir(join(fixture.folder, "blobs"), { recursive: true });
    await writeFile(`${blob()}.unmask.incomplete`, Buffer.alloc(1000));
    await expectWhole();
    expect(ranges()).toEqual(["bytes=1000-", undefined]);
    await fixture.stop();
    fixture = await startFixture();
    await mkdir(join(fixture.folder, "blobs"), { recursive: true });
    await writeFile(`${blob()}.unmask.incomplete`, weights);
    await expectWhole();
    expect(ranges()).toEqual([]);
  });

  it("takes over what an older huggingface_hub left, but not what it may still be writing", async () => {
    const theirs = `${blob()}.incomplete`;
    await mkdir(join(fixture.folder, "blobs"), { recursive: true });
    await writeFile(theirs, weights.subarray(0, 90_000));
    await utimes(theirs, new Date(0), new Date(0));
    await expectWhole();
    expect(ranges()).toEqual(["bytes=90000-"]);
    await fixture.stop();
    fixture = await startFixture();
    await mkdir(join(fixture.folder, "blobs"), { recursive: true });
    await writeFile(`${blob()}.incomplete`, weights.subarray(0, 90_000));
    await fetchWeights();
    expect(ranges()).toEqual([undefined]);
    expect((await stat(`${blob()}.incomplete`)).size).toBe(90_000);
  });
});

describe("damage", () => {
  it("is seen by the hash, and the file fetched once more", async () => {
    fixture.server.fault({ on: /cdn/, corrupt: true });
    await expectWhole();
    expect(ranges()).toEqual([undefined, undefined]);
  });

  it("of git's own files as well", async () => {
    fixture.server.fault({ on: /resolve.*config/, corrupt: true });
    const { folder } = await fetchSnapshot(id, { settings: fixture.settings, files: ["config.json"] });
    expect(String(await contentOf(folder, "config.json"))).toBe('{"model_type": "test"}\n');
  });

  it("a second time is an error, and nothing is kept", async () => {
    fixture.server.fault({ on: /cdn/, corrupt: true, times: 2 });
    const message = await messageOf(fetchWeights());
    expect(message).toMatch(/model\.safetensors came damaged twice/);
    expect(await readdir(join(fixture.folder, "blobs"))).toEqual([]);
    expect(await treeOf(join(fixture.folder, "snapshots"))).toEqual([]);
    expect(await treeOf(join(fixture.folder, "refs"))).toEqual([]);
  });

  it("of the length counts too", async () => {
    fixture.server.fault({
      on: /cdn/,
      status: 200,
      headers: { "content-length": "9" },
      body: "too short",
      times: 2,
    });
    expect(await messageOf(fetchWeights())).toMatch(/came damaged twice/);
    fixture.server.fault({
      on: /cdn/,
      status: 200,
      headers: { "transfer-encoding": "chunked" },
      body: "x".repeat(200_001),
    });
    await expectWhole();
  });
});

describe("a server in trouble", () => {
  it("is asked again after 429, 500 and 503, for files and for listings", async () => {
    fixture.server.fault({ on: /tree/, status: 500 });
    fixture.server.fault({ on: /revision/, status: 503 });
    fixture.server.fault({ on: /cdn/, status: 502 });
    fixture.server.fault({ on: /resolve/, status: 429 });
    await expectWhole();
  });

  it("waits as long as Retry-After says, but not minutes", async () => {
    fixture.server.fault({ on: /resolve/, status: 429, headers: { "retry-after": "1" } });
    const start = performance.now();
    await expectWhole();
    expect(performance.now() - start).toBeGreaterThan(990);
    await fixture.stop();
    fixture = await startFixture();
    fixture.server.fault({ on: /resolve/, status: 429, headers: { "retry-after": "3600" } });
    expect(await messageOf(fetchWeights())).toMatch(/answered 429 and asks to wait 3600 s/);
  });

  it("that falls silent is left after the time limit, and resumed", async () => {
    fixture.server.fault({ on: /revision/, hangAfter: 0 });
    fixture.server.fault({ on: /cdn/, hangAfter: 70_000 });
    await fetchWeights({ timeoutMs: 300 });
    expect(ranges()).toEqual([undefined, "bytes=70000-"]);
    fixture.server.fault({ on: /revision/, hangAfter: 0, times: 9 });
    expect(await messageOf(fetchWeights({ timeoutMs: 50 }))).toMatch(
      /looking up revision main: .* sent nothing for 0\.05 s \(HF_HUB_DOWNLOAD_TIMEOUT\), 3 times/,
    );
  });

  it("that is not there is named", async () => {
    await fixture.server.stop();
    const message = await messageOf(fetchWeights());
    expect(message).toMatch(
      /the connection to 127\.0\.0\.1:\d+ failed \(ECONNREFUSED\), 3 times; .*HF_ENDPOINT/,
    );
  });
});

describe("stopping", () => {
  it("throws the signal's reason, keeps the bytes, and resumes", async () => {
    fixture.server.fault({ on: /cdn/, hangAfter: 70_000 });
    const controller = new AbortController();
    const running = fetchSnapshot(id, {
      settings: fixture.settings,
      files,
      signal: controller.signal,
      onProgress: ({ receivedBytes }) => receivedBytes === 70_000 && controller.abort(new Error("enough")),
    });
    // Progress is throttled: stop in any case.
    const timer = setTimeout(() => controller.abort(new Error("enough")), 300);
    expect(await messageOf(running)).toBe("enough");
    clearTimeout(timer);
    await expectWhole();
    expect(ranges()).toEqual([undefined, "bytes=70000-"]);
  });

  it("begins nothing with a signal that is aborted", async () => {
    const signal = AbortSignal.abort(new Error("no"));
    expect(await messageOf(fetchSnapshot(id, { settings: fixture.settings, signal }))).toBe("no");
    expect(fixture.server.seen).toEqual([]);
  });
});

it("errors are of our classes", async () => {
  fixture.server.fault({ on: /cdn/, status: 500, times: 9 });
  await expect(fetchWeights()).rejects.toBeInstanceOf(UnmaskError);
});
