import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { commit, type Fixture, messageOf, startFixture, treeOf } from "../../test/hub/fixture.ts";
import { DataError } from "../base/errors.ts";
import { type DatasetOptions, openDataset } from "./dataset.ts";
import { datasetConfigs } from "./dataset-files.ts";

const splitsOf = (names: string[], readme?: string, revision?: string) => {
  const { configs, default: usual } = datasetConfigs(names, { readme, revision, source: "owner/set" });
  const plain = Object.fromEntries([...configs].map(([name, splits]) => [name, Object.fromEntries(splits)]));
  return { plain, usual };
};
const card = (head: string) => `---\n${head}\n---\n# A set\n`;

describe("configurations and splits by name", () => {
  it("data/ with numbered parts, whatever the split is called", () => {
    const parts = [0, 1].map((part) => `data/train-0000${part}-of-00002.parquet`);
    const other = "data/test_sft-00000-of-00001-0123456789abcdef.parquet";
    const names = [...parts, other, "README.md", ".gitattributes", "dataset_infos.json"];
    expect(splitsOf(names).plain).toEqual({ default: { train: parts, test_sft: [other] } });
  });

  it.each([
    [
      ["train/a.jsonl", "train/b.jsonl", "dev/a.jsonl"],
      { train: ["train/a.jsonl", "train/b.jsonl"], validation: ["dev/a.jsonl"] },
    ],
    [["my_train.jsonl", "my-test-2.jsonl"], { train: ["my_train.jsonl"], test: ["my-test-2.jsonl"] }],
    [["data/eval.json", "data/training.json"], { train: ["data/training.json"], test: ["data/eval.json"] }],
    [["trainer.jsonl", "contest.jsonl"], { train: ["contest.jsonl", "trainer.jsonl"] }],
    [["a.parquet", "b.parquet", "a.jsonl"], { train: ["a.parquet", "b.parquet"] }],
    [["text/part.txt", "LICENSE.txt", ".cache/x.txt"], { train: ["text/part.txt"] }],
    [["train.csv", "model.py"], undefined],
  ])("%j", (names, splits) => {
    expect(splitsOf(names).plain).toEqual(splits === undefined ? {} : { default: splits });
  });

  it("the head of README.md decides", () => {
    const names = [
      "main/train-00000-of-00001.parquet",
      "main/test-00000-of-00001.parquet",
      "socratic/train.jsonl",
    ];
    const readme = card(
      "configs:\n- config_name: main\n  default: true\n  data_files:\n  - split: train\n    path: main/train-*\n  - split: test\n    path:\n    - main/test-*\n- config_name: socratic\n  data_dir: socratic",
    );
    expect(splitsOf(names, readme)).toEqual({
      plain: { main: { train: [names[0]], test: [names[1]] }, socratic: { train: [names[2]] } },
      usual: "main",
    });
    expect(splitsOf(names, card("configs:\n- data_files: '**/*.jsonl'")).plain).toEqual({
      default: { train: [names[2]] },
    });
    const mapping = card("configs:\n- config_name: x\n  data_files:\n    dev: socratic/*");
    expect(splitsOf(names, mapping).plain).toEqual({ x: { dev: [names[2]] } });
  });

  it("a card without configurations, or that is no YAML, decides nothing", () => {
    for (const readme of ["# Hello", card("license: mit"), card("configs: [\n  :"), "---\n---\n"]) {
      expect(splitsOf(["train.jsonl"], readme).plain).toEqual({ default: { train: ["train.jsonl"] } });
    }
    expect(() => splitsOf(["train.jsonl"], card("configs: 7"))).toThrow(
      /the head of README\.md cannot be followed/,
    );
    expect(() => splitsOf(["train.jsonl"], card("configs:\n- data_files: [{}]"))).toThrow(DataError);
  });

  it("the hub's own conversion has folders for both", () => {
    const names = ["main/train/0000.parquet", "main/train/0001.parquet", "other/partial-test/0000.parquet"];
    expect(splitsOf(names, undefined, "refs/convert/parquet").plain).toEqual({
      main: { train: names.slice(0, 2) },
      other: { test: [names[2]] },
    });
  });
});

describe("openDataset", () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await startFixture();
    fixture.server.repositories.set("datasets/owner/set", {
      commit,
      isLfs: (name) => name.endsWith(".parquet"),
      files: {
        "README.md": "# A set",
        "data/train-00000-of-00002.parquet": "first part",
        "data/train-00001-of-00002.parquet": "second part",
        "data/test-00000-of-00001.parquet": "test part",
      },
    });
  });
  afterEach(() => fixture.stop());
  const open = (id: string, change: Partial<DatasetOptions> = {}) =>
    openDataset(id, { split: "train", settings: fixture.settings, ...change });

  it("lists a split, and fetches a file when it is wanted", async () => {
    const dataset = await open("owner/set");
    expect(dataset).toMatchObject({
      commit,
      files: ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"],
    });
    expect(fixture.server.downloads("data/train-00000-of-00002.parquet")).toHaveLength(0);
    expect(await dataset.fetch(dataset.files[1]!)).toMatch(/datasets--owner--set.*train-00001/);
    expect(fixture.server.downloads("data/train-00001-of-00002.parquet")).toHaveLength(1);
    expect((await treeOf(fixture.cache)).filter((line) => line.includes("snapshots")).join()).toContain(
      "train-00001",
    );
    const again = await open("owner/set", { settings: { ...fixture.settings, offline: true } });
    await again.fetch(again.files[1]!);
    expect(await messageOf(again.fetch(again.files[0]!))).toMatch(/lacks data\/train-00000.*HF_HUB_OFFLINE/);
  });

  it("goes on with a file that was cut off", async () => {
    const name = "data/test-00000-of-00001.parquet";
    fixture.server.fault({ on: /cdn GET/, cutAfter: 4 });
    const dataset = await open("owner/set", { split: "test" });
    await dataset.fetch(name);
    expect(fixture.server.downloads(name).map(({ range }) => range)).toEqual([undefined, "bytes=4-"]);
  });

  it("takes the files of a pattern", async () => {
    expect((await open("owner/set", { pattern: "data/*-00001-*" })).files).toEqual([
      "data/train-00001-of-00002.parquet",
    ]);
    expect(await messageOf(open("owner/set", { pattern: "*.json" }))).toMatch(
      /owner\/set: no file of this dataset matches \*\.json; it has README\.md, data/,
    );
  });

  it("says what a dataset has instead", async () => {
    expect(await messageOf(open("owner/sett"))).toContain(
      'has no dataset "owner/sett" (did you mean "owner/set"?)',
    );
    expect(await messageOf(open("owner/set", { split: "trian" }))).toBe(
      'owner/set has no split "trian" (did you mean "train"?); its splits: test, train',
    );
    expect(await messageOf(open("owner/set", { config: "main" }))).toBe(
      'owner/set has no configuration "main"; it has: default',
    );
    expect(await messageOf(open("owner/set", { revision: "v2" }))).toMatch(
      /no revision "v2".*of that dataset/,
    );
    await expect(open("owner/none")).rejects.toBeInstanceOf(DataError);
    // A model of that name is no dataset.
    expect(await messageOf(open("owner/model"))).toContain('has no dataset "owner/model"');
    const files = { "set.py": "", "README.md": "" };
    fixture.server.repositories.set("datasets/owner/script", { commit, files });
    expect(await messageOf(open("owner/script"))).toMatch(
      /made by a script.*data\.revision=refs\/convert\/parquet/,
    );
    fixture.server.repositories.set("datasets/owner/pictures", { commit, files: { "a.png": "" } });
    expect(await messageOf(open("owner/pictures"))).toMatch(
      /has no Parquet, JSONL or text files, but a\.png/,
    );
    const configs = "---\nconfigs:\n- config_name: a\n- config_name: b\n---\n";
    fixture.server.repositories.set("datasets/owner/many", {
      commit,
      files: { "README.md": configs, "x.jsonl": "" },
    });
    expect(await messageOf(open("owner/many"))).toMatch(
      /has several configurations; set data\.config to one of: a, b/,
    );
  });

  it("shows the licence page of a gated one", async () => {
    const gated = { commit, gated: true, files: { "train.jsonl": "{}" } };
    fixture.server.repositories.set("datasets/owner/gated", gated);
    const dataset = await open("owner/gated");
    expect(await messageOf(dataset.fetch("train.jsonl"))).toContain(
      `${fixture.server.endpoint}/datasets/owner/gated`,
    );
  });
});
