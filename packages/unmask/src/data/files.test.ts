import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataConfigSchema } from "./config.ts";
import { findFiles } from "./files.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "unmask-files-"));
  const names = [
    ...[
      "set/b.jsonl",
      "set/a.jsonl",
      "set/deep/c.jsonl.gz",
      "set/.hidden.jsonl",
      "set/.git/x.jsonl",
      "set/notes.md",
    ],
    ...["mixed/a.txt", "mixed/a.parquet", "notes/readme.md", "odd/[x].txt"],
  ];
  for (const name of names) {
    await mkdir(join(folder, name, ".."), { recursive: true });
    await writeFile(join(folder, name), "12345");
  }
  await symlink("a.jsonl", join(folder, "set", "link.jsonl"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const find = async (paths: string | string[], change: object = {}) => {
  const config = dataConfigSchema.parse({ path: paths, ...change });
  const place = (path: string) => (path.startsWith("hf:") ? path : join(folder, path));
  const entries = typeof paths === "string" ? place(paths) : paths.map(place);
  return findFiles(entries, config, { split: "train" });
};
const namesOf = async (paths: string | string[], change?: object) =>
  (await find(paths, change)).map(({ name }) => name.slice(folder.length + 1));

describe("files of the data", () => {
  it("are those of a folder, sorted, with links, without hidden ones", async () => {
    const files = await find("set");
    expect(files.map(({ name }) => name.slice(folder.length + 1))).toEqual([
      ...["set/a.jsonl", "set/b.jsonl", "set/deep/c.jsonl.gz", "set/link.jsonl"],
    ]);
    expect(files[0]).toMatchObject({ kind: "jsonl", bytes: 5, mark: "5" });
    expect(await files[0]!.path()).toBe(join(folder, "set/a.jsonl"));
  });

  it("are those that match a pattern, or a list of places in its order", async () => {
    expect(await namesOf("set/*.jsonl")).toEqual(["set/a.jsonl", "set/b.jsonl", "set/link.jsonl"]);
    expect(await namesOf("set/**/c*")).toEqual(["set/deep/c.jsonl.gz"]);
    expect(await namesOf(["set/b.jsonl", "mixed/a.txt", "set/[a].jsonl"])).toEqual([
      "set/b.jsonl",
      "mixed/a.txt",
      "set/a.jsonl",
    ]);
    // A file that is called like a pattern is a file.
    expect(await namesOf("odd/[x].txt")).toEqual(["odd/[x].txt"]);
  });

  it("are read as their ending says, or as they are told to be", async () => {
    expect((await find("set/notes.md"))[0]!.kind).toBe("text");
    expect((await find("set/notes.md", { kind: "jsonl" }))[0]!.kind).toBe("jsonl");
    expect((await find("mixed/a.parquet"))[0]!.kind).toBe("parquet");
  });

  it("are refused with what is wrong", async () => {
    await expect(find("mixed")).rejects.toThrow(
      /several kinds \((parquet, text|text, parquet)\).*write a pattern/,
    );
    await expect(find("notes")).rejects.toThrow(/holds no data files .*write a pattern such as .*\*\.md/);
    await expect(find("set/*.csv")).rejects.toThrow(/no file in .*set matches .*\*\.csv/);
    await expect(find("hf://models/x")).rejects.toThrow(
      /no address of a dataset; write hf:\/\/datasets\/owner\/name/,
    );
    await expect(find("set/none.csv")).rejects.toThrow(
      /none\.csv is a table; make JSONL or Parquet of it \(pandas'/,
    );
    await expect(find("set/none.tar.gz")).rejects.toThrow(/is an archive; unpack it, and give the folder/);
    await expect(find("set/none.txt.xz")).rejects.toThrow(/unpack it, or compress it with gzip, or say how/);
    expect((await find("set/none.csv", { kind: "text" }))[0]!.kind).toBe("text");
    expect((await find("set/none.jsonl"))[0]).toMatchObject({ bytes: undefined });
  });
});
