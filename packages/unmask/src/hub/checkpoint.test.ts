import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { commit, type Fixture, id, messageOf, startFixture, treeOf } from "../../test/hub/fixture.ts";
import { CheckpointError } from "../base/errors.ts";
import { checkpointFiles, fetchCheckpoint } from "./checkpoint.ts";

const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
const index = "model.safetensors.index.json";
const indexOf = (names: unknown[]) =>
  JSON.stringify({ weight_map: Object.fromEntries(names.map((name, i) => [`t${i}`, name])) });

describe("checkpointFiles", () => {
  it("takes configuration, tokenizer and one file of weights, and nothing pickled", () => {
    const wanted = [
      "config.json",
      "generation_config.json",
      "merges.txt",
      "model.safetensors",
      "tokenizer.json",
    ];
    const others = [
      "README.md",
      "pytorch_model.bin",
      "model.pt",
      "modeling.py",
      "onnx/model.onnx",
      "sub/config.json",
    ];
    expect(checkpointFiles([...others, ...wanted])).toEqual(wanted);
  });

  it("takes the shards that the index names", () => {
    const names = [
      "config.json",
      index,
      ...shards,
      "model-00003-of-00003.safetensors",
      "pytorch_model-00001.bin",
    ];
    expect(checkpointFiles(names, { index: indexOf(shards) })).toEqual(["config.json", index, ...shards]);
    expect(checkpointFiles(names)).toEqual(names.slice(0, -1));
  });

  it("prefers the single file, and takes a discriminator and an adapter along", () => {
    const names = [
      "adapter_config.json",
      "adapter_model.safetensors",
      "discriminator.safetensors",
      "model.safetensors",
    ];
    expect(checkpointFiles([...names, index, ...shards])).toEqual(names);
    expect(checkpointFiles(names.slice(0, 2))).toEqual(names.slice(0, 2));
  });

  it("refuses pickles and says how to convert them", () => {
    const act = () => checkpointFiles(["config.json", "pytorch_model.bin"], { id });
    expect(act).toThrow(CheckpointError);
    expect(act).toThrow(
      /owner\/model has pickled weights only \(pytorch_model\.bin\).*safe_serialization=True/,
    );
    expect(() => checkpointFiles(["config.json"], { id })).toThrow(
      /owner\/model has neither model\.safetensors nor/,
    );
  });

  it.each([
    ["{", /is not JSON/],
    ["null", /has no weight_map/],
    ["{}", /has no weight_map/],
    [indexOf([]), /names no tensors/],
    [indexOf(["../x.safetensors"]), /places tensors in "\.\.\/x\.safetensors"/],
    [indexOf(["pytorch_model.bin"]), /places tensors in "pytorch_model\.bin"/],
    [indexOf([1]), /places tensors in 1/],
    [indexOf([...shards, "model-3.safetensors"]), /names model-3\.safetensors, which is not there/],
  ])("a damaged index: %s", (text, expected) => {
    expect(() => checkpointFiles([index, ...shards], { id, index: text })).toThrow(expected);
  });
});

describe("fetchCheckpoint", () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await startFixture();
  });
  afterEach(() => fixture.stop());

  const sharded = (text = indexOf(shards)) => ({
    commit,
    files: {
      "config.json": "{}",
      [index]: text,
      [shards[0]!]: "one",
      [shards[1]!]: "two",
      "model-00009-of-00009.safetensors": "stray",
      "pytorch_model.bin": "pickled",
    },
  });

  it("fetches an index and the shards it names, with one listing", async () => {
    fixture.server.repositories.set(id, sharded());
    const { settings } = fixture;
    const { folder, files } = await fetchCheckpoint(id, { settings });
    expect(files).toEqual(["config.json", ...shards, index]);
    expect((await treeOf(folder)).map((line) => line.split(" ")[0])).toEqual([
      "config.json",
      ...shards,
      index,
    ]);
    expect(fixture.server.seen.filter(({ path }) => path.startsWith("/api/"))).toHaveLength(2);
    expect(await fetchCheckpoint(id, { settings: { ...settings, offline: true } })).toEqual({
      folder,
      commit,
      files,
    });
  });

  it("fetches no weights if the index is damaged, and nothing at all if they are pickled", async () => {
    fixture.server.repositories.set(id, sharded("damaged"));
    expect(await messageOf(fetchCheckpoint(id, { settings: fixture.settings }))).toMatch(/is not JSON/);
    expect(fixture.server.downloads(shards[0]!)).toEqual([]);
    fixture.server.repositories.set("owner/old", {
      commit,
      files: { "config.json": "{}", "pytorch_model.bin": "x" },
    });
    expect(await messageOf(fetchCheckpoint("owner/old", { settings: fixture.settings }))).toMatch(/pickled/);
    expect(fixture.server.seen.filter(({ path }) => path.startsWith("/owner/old"))).toEqual([]);
  });

  it("offline, names a shard that is missing, with a listing and without", async () => {
    fixture.server.repositories.set(id, sharded());
    const { settings } = fixture;
    const offline = { ...settings, offline: true };
    const { folder } = await fetchCheckpoint(id, { settings });
    const { rm } = await import("node:fs/promises");
    await rm(`${folder}/${shards[1]}`);
    const expected = new RegExp(`lacks ${shards[1]} of owner/model .*offline`);
    expect(await messageOf(fetchCheckpoint(id, { settings: offline }))).toMatch(expected);
    await rm(`${fixture.folder}/trees`, { recursive: true });
    expect(await messageOf(fetchCheckpoint(id, { settings: offline }))).toMatch(expected);
    await rm(`${folder}/${index}`);
    await rm(`${folder}/${shards[0]}`);
    await rm(`${folder}/model-00009-of-00009.safetensors`, { force: true });
    expect(await messageOf(fetchCheckpoint(id, { settings: offline }))).toMatch(
      /lacks model\.safetensors of .*offline/,
    );
  });
});
