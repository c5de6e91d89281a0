import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { DataError } from "../../base/errors.ts";
import { Journal, readJsonLines, removeTemporary, writeWhole } from "./files.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-files-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("a journal", () => {
  it("gives back what was appended, at every place where a kill may cut it", () => {
    const path = join(root, "a", "journal.jsonl");
    const values = [{ n: 1 }, { text: "zwei\nø" }, { n: 3 }];
    const { journal } = Journal.open(path);
    journal.append(values.slice(0, 2));
    journal.append(values.slice(2));
    journal.close();
    const bytes = readFileSync(path);
    const ends = [...bytes.keys()].filter((at) => bytes[at] === 10);
    for (let cut = 0; cut <= bytes.length; cut++) {
      writeFileSync(path, bytes.subarray(0, cut));
      const whole = ends.filter((end) => end < cut).length;
      const opened = Journal.open(path);
      expect(opened.lines).toEqual(values.slice(0, whole));
      opened.journal.append([{ n: 4 }]);
      opened.journal.close();
      expect(readJsonLines(path)).toEqual([...values.slice(0, whole), { n: 4 }]);
    }
  });

  it("refuses a damaged line before the last, and says which", () => {
    const path = join(root, "damaged.jsonl");
    writeFileSync(path, '{"n":1}\n{"n":\n{"n":3}\n');
    expect(() => Journal.open(path)).toThrow(DataError);
    expect(() => Journal.open(path)).toThrow(`${path}, line 2, is damaged`);
    appendFileSync(path, "x");
    expect(readFileSync(path, "utf8").endsWith("x")).toBe(true); // what was refused is left as it was
  });
});

describe("writeWhole", () => {
  it("makes the folder, replaces the file and leaves nothing else", () => {
    const path = join(root, "b", "c", "x.json");
    writeWhole(path, "one");
    writeWhole(path, "two");
    expect(readFileSync(path, "utf8")).toBe("two");
    expect(readdirSync(join(root, "b", "c"))).toEqual(["x.json"]);
  });

  it("what a killed process left is removed, and nothing else", () => {
    const folder = join(root, "d");
    writeWhole(join(folder, "x.json"), "x");
    writeFileSync(join(folder, "results.json.4711.tmp"), "half");
    writeFileSync(join(folder, "mine.tmp"), "mine");
    removeTemporary(folder);
    expect(readdirSync(folder).sort()).toEqual(["mine.tmp", "x.json"]);
    removeTemporary(join(root, "nowhere"));
    expect(existsSync(join(root, "nowhere"))).toBe(false);
  });
});
