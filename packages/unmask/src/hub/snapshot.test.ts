import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  commit,
  contentOf,
  type Fixture,
  id,
  messageOf,
  repository,
  startFixture,
  treeOf,
  weights,
} from "../../test/hub/fixture.ts";
import { gitHash, sha256 } from "../../test/hub/server.ts";
import type { HubProgress } from "./progress.ts";
import { fetchSnapshot } from "./snapshot.ts";

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.stop());

const config = '{"model_type": "test"}\n';
const files = ["config.json", "model.safetensors", "sub/*"];

describe("a fresh download", () => {
  it("gives a folder with the files that were asked for", async () => {
    const { settings, folder } = fixture;
    const snapshot = await fetchSnapshot(id, { settings, files });
    expect(snapshot).toEqual({
      folder: join(folder, "snapshots", commit),
      commit,
      files: ["config.json", "model.safetensors", "sub/deep/notes.txt"],
    });
    expect(await contentOf(snapshot.folder, "config.json")).toEqual(Buffer.from(config));
    expect(weights.equals(await contentOf(snapshot.folder, "model.safetensors"))).toBe(true);
  });

  it("leaves the layout of huggingface_hub for Python, and nothing else", async () => {
    const { settings, cache } = fixture;
    await fetchSnapshot(id, { settings, files });
    const model = "models--owner--model";
    const hashes = [gitHash(config), gitHash("notes"), sha256(weights)];
    expect(await treeOf(cache)).toEqual(
      [
        "CACHEDIR.TAG",
        ...hashes.map((hash) => `${model}/blobs/${hash}`),
        `${model}/refs/main`,
        `${model}/snapshots/${commit}/config.json -> ../../blobs/${hashes[0]}`,
        `${model}/snapshots/${commit}/model.safetensors -> ../../blobs/${hashes[2]}`,
        `${model}/snapshots/${commit}/sub/deep/notes.txt -> ../../../../blobs/${hashes[1]}`,
        `${model}/trees/${commit}.json`,
      ].sort(),
    );
    expect(await readFile(join(cache, model, "refs", "main"), "utf8")).toBe(commit);
    const { format_version, files: listed } = JSON.parse(
      await readFile(join(cache, model, "trees", `${commit}.json`), "utf8"),
    );
    expect(format_version).toBe(1);
    expect(listed["config.json"]).toEqual({ size: config.length, blob_id: hashes[0] });
    expect(listed["model.safetensors"]).toMatchObject({
      size: 200_000,
      lfs_sha256: hashes[2],
      lfs_size: 200_000,
    });
  });

  it("takes all files, a function, or patterns; and reads listings of several pages", async () => {
    const { settings, server } = fixture;
    server.pageSize = 2;
    const all = await fetchSnapshot(id, { settings });
    expect(all.files).toEqual(Object.keys(repository().files));
    const some = await fetchSnapshot(id, { settings, files: (name) => name.endsWith(".md") });
    expect(some.files).toEqual(["README.md"]);
    expect((await fetchSnapshot(id, { settings, files: ["adapter_config.json"] })).files).toEqual([]);
  });

  it("writes plain files where there are no links, and copies a blob that another snapshot shows", async () => {
    const { server, cache } = fixture;
    const settings = { ...fixture.settings, symlinks: false };
    const first = await fetchSnapshot(id, { settings, files: ["config.json"] });
    expect(await treeOf(join(cache, "models--owner--model", "blobs"))).toEqual([]);
    expect(await treeOf(first.folder)).toEqual(["config.json"]);
    await fetchSnapshot(id, { settings: fixture.settings, files: ["README.md"] });
    const next = "b".repeat(40);
    server.repositories.set(id, { ...repository(), commit: next });
    const second = await fetchSnapshot(id, { settings, files: ["README.md"] });
    expect(await treeOf(second.folder)).toEqual(["README.md"]);
    expect(server.downloads("README.md")).toHaveLength(1);
    expect(await treeOf(join(cache, "models--owner--model", "blobs"))).toHaveLength(1);
  });
});

describe("the cache", () => {
  it("asks for nothing but the revision if all is there, and for nothing at all with a commit", async () => {
    const { settings, server } = fixture;
    await fetchSnapshot(id, { settings, files });
    server.seen.length = 0;
    await fetchSnapshot(id, { settings, files });
    expect(server.seen.map(({ path }) => path)).toEqual([`/api/models/${id}/revision/main`]);
    await fetchSnapshot(id, { settings, files, revision: commit });
    expect(server.seen).toHaveLength(1);
  });

  it("fetches only what changed with a new commit, and keeps tags with slashes apart", async () => {
    const { settings, server, folder } = fixture;
    await fetchSnapshot(id, { settings, files });
    const next = "a".repeat(40);
    const changed = { ...repository().files, "config.json": "{}" };
    server.repositories.set(id, { commit: next, refs: ["refs/pr/1"], files: changed });
    const snapshot = await fetchSnapshot(id, { settings, files, revision: "refs/pr/1" });
    expect(snapshot.commit).toBe(next);
    expect(server.downloads("model.safetensors")).toHaveLength(1);
    expect(server.downloads("config.json")).toHaveLength(2);
    expect(await readFile(join(folder, "refs", "refs", "pr", "1"), "utf8")).toBe(next);
    expect(await readFile(join(folder, "refs", "main"), "utf8")).toBe(commit);
  });

  it("fetches again what was cut short or whose blob is gone", async () => {
    const { settings, folder } = fixture;
    const snapshot = await fetchSnapshot(id, { settings, files });
    await writeFile(join(folder, "blobs", sha256(weights)), "short");
    await rm(join(folder, "blobs", gitHash(config)));
    await fetchSnapshot(id, { settings, files });
    expect(weights.equals(await contentOf(snapshot.folder, "model.safetensors"))).toBe(true);
    expect(await contentOf(snapshot.folder, "config.json")).toEqual(Buffer.from(config));
  });
});

describe("offline", () => {
  it("finds what is there without a single request", async () => {
    const { settings, server } = fixture;
    const online = await fetchSnapshot(id, { settings, files });
    server.seen.length = 0;
    const offline = await fetchSnapshot(id, { settings: { ...settings, offline: true }, files });
    expect(offline).toEqual(online);
    expect(server.seen).toEqual([]);
  });

  it("names what is missing, and that it is offline", async () => {
    const { settings } = fixture;
    const offline = { ...settings, offline: true };
    expect(await messageOf(fetchSnapshot(id, { settings: offline }))).toMatch(
      /owner\/model at revision main .*offline/,
    );
    await fetchSnapshot(id, { settings, files: ["config.json"] });
    expect(await messageOf(fetchSnapshot(id, { settings: offline, files }))).toMatch(
      /lacks model\.safetensors and 1 more.*offline \(HF_HUB_OFFLINE\)/,
    );
  });

  it("reads a cache of an older huggingface_hub, which keeps no listing", async () => {
    const { settings, folder } = fixture;
    await fetchSnapshot(id, { settings, files: ["config.json", "sub/*"] });
    await rm(join(folder, "trees"), { recursive: true });
    const offline = { ...settings, offline: true };
    const found = await fetchSnapshot(id, { settings: offline });
    expect(found.files).toEqual(["config.json", "sub/deep/notes.txt"]);
    expect(await messageOf(fetchSnapshot(id, { settings: offline, files }))).toMatch(
      /lacks model\.safetensors.*offline/,
    );
  });
});

describe("progress", () => {
  it("counts bytes and files, never backwards, and ends complete", async () => {
    const { settings } = fixture;
    await fetchSnapshot(id, { settings, files: ["README.md"] });
    const events: HubProgress[] = [];
    await fetchSnapshot(id, {
      settings,
      files: ["*.md", "*.json", "*.safetensors"],
      onProgress: (one) => events.push(one),
    });
    const last = events.at(-1)!;
    const bytes = weights.length + config.length;
    expect(last.files).toEqual({ done: 3, total: 3 });
    expect(last.all).toEqual({ receivedBytes: bytes, totalBytes: bytes });
    const received = events.map(({ all }) => all.receivedBytes);
    expect(received).toEqual([...received].sort((a, b) => a - b));
    expect(
      events.find(({ file, receivedBytes }) => file === "model.safetensors" && receivedBytes === 200_000),
    ).toBeDefined();
  });

  it("tells no more often than ten times a second, and of each file's end", async () => {
    const { settings, server } = fixture;
    server.fault({ on: /cdn/, slowMs: 20 });
    const events: HubProgress[] = [];
    const start = performance.now();
    await fetchSnapshot(id, {
      settings,
      files: ["model.safetensors"],
      onProgress: (one) => events.push(one),
    });
    expect(events.length).toBeGreaterThanOrEqual(2);
    expect(events.length).toBeLessThanOrEqual((performance.now() - start) / 100 + 2);
  });
});
