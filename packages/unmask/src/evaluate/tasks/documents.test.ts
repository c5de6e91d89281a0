import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ByteWriter, parquetWrite } from "hyparquet-writer";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { commit, type Fixture, startFixture } from "../../../test/hub/fixture.ts";
import { DataError } from "../../base/errors.ts";
import { integerField, readDocuments, textField, textsField } from "./documents.ts";
import type { OpenGenerateTask } from "./task.ts";
import { findTask } from "./tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "unmask-documents-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const documents = [
  { question: "1+1?", tests: ["a", "b"], number: 7 },
  { question: "2+2?", tests: ["c"], number: 8 },
];

function parquet(): Uint8Array {
  const writer = new ByteWriter();
  parquetWrite({
    writer,
    columnData: [
      { name: "question", data: documents.map(({ question }) => question), type: "STRING" },
      { name: "tests", data: documents.map(({ tests }) => tests), type: "JSON" },
      { name: "number", data: documents.map(({ number }) => BigInt(number)), type: "INT64" },
    ],
  });
  return new Uint8Array(writer.getBuffer());
}

test("JSONL, a JSON list and Parquet hold the same documents", async () => {
  const lines = documents.map((one) => JSON.stringify(one)).join("\n");
  const files = [
    write("a.jsonl", `\ufeff${lines}\r\n\n`),
    write("a.json", JSON.stringify(documents, undefined, 2)),
    write("b.json", lines),
    write("a.parquet", parquet()),
  ];
  for (const file of files) {
    const { rows, provenance } = await readDocuments(file);
    expect(
      rows.map((row) => [textField(row, "question"), textsField(row, "tests"), integerField(row, "number")]),
    ).toEqual(documents.map(({ question, tests, number }) => [question, tests, number]));
    expect(rows.map(({ number, where }) => [number, where])).toEqual([
      [1, `${file}, row 1`],
      [2, `${file}, row 2`],
    ]);
    expect(provenance).toMatchObject({ source: file.split("/").at(-1), rows: 2 });
    expect(provenance.sha256).toMatch(/^[0-9a-f]{64}$/);
  }
});

test("what cannot be read is named", async () => {
  const failing = [
    [write("empty.jsonl", "\n"), "has no rows"],
    [write("broken.jsonl", '{"a":1}\n{"a":'), "broken.jsonl, line 2: not valid JSON"],
    [write("list.jsonl", '{"a":1}\n3'), "line 2: 3 instead of an object"],
    [write("cut.parquet", parquet().slice(0, 60)), "cut.parquet"],
    [join(folder, "not-there.jsonl"), "does not exist"],
    [join(folder, "not-there.parquet"), "does not exist"],
  ] as const;
  for (const [file, message] of failing) {
    await expect(readDocuments(file)).rejects.toThrow(DataError);
    await expect(readDocuments(file)).rejects.toThrow(message);
  }
});

test("fields of the wrong type name row and value", () => {
  const row = { fields: { a: 1, b: null, c: "x", d: ["y", 2] }, number: 3, where: "f.jsonl, row 3" };
  expect(textField(row, "b", "c")).toBe("x");
  expect(textField(row, "a")).toBe("1");
  expect(() => textField(row, "b")).toThrow("f.jsonl, row 3 has no b; it has a, b, c, d");
  expect(() => textField(row, "d")).toThrow('f.jsonl, row 3: d is ["y",2]; a text is needed');
  expect(() => textsField(row, "d")).toThrow("a list of texts is needed");
  expect(() => integerField(row, "c")).toThrow('c is "x"; a whole number is needed');
  expect(integerField({ ...row, fields: { n: " 12" } }, "n")).toBe(12);
});

describe("from the hub", () => {
  let fixture: Fixture | undefined;
  afterEach(async () => {
    vi.unstubAllEnvs();
    await fixture?.stop();
  });

  const rows = (text: string) => `${JSON.stringify({ question: `${text}?`, answer: "#### 1" })}\n`;

  async function start(): Promise<Fixture> {
    fixture = await startFixture();
    vi.stubEnv("HF_ENDPOINT", fixture.server.endpoint);
    vi.stubEnv("HF_HUB_CACHE", fixture.cache);
    vi.stubEnv("HF_HUB_OFFLINE", "0");
    fixture.server.repositories.set("datasets/openai/gsm8k", {
      commit,
      files: {
        "README.md":
          "---\nconfigs:\n- config_name: main\n  data_files:\n  - split: train\n    path: main/train.jsonl\n  - split: test\n    path: main/test-*.jsonl\n---\n",
        "main/train.jsonl": ["a", "b", "c", "d", "e", "f"].map(rows).join(""),
        "main/test-0.jsonl": rows("x"),
        "main/test-1.jsonl": rows("y"),
      },
    });
    return fixture;
  }

  test("documents and shots come from the data set's splits", async () => {
    await start();
    const task = (await (await findTask("gsm8k")).open({ numFewshot: 2 })) as OpenGenerateTask;
    expect(task.items.map(({ id, prompt }) => [id, prompt.text.split("\n\n").at(-1)])).toEqual([
      ["1", "Question: x?\nAnswer:"],
      ["2", "Question: y?\nAnswer:"],
    ]);
    expect(task.provenance).toEqual({
      data: { source: `openai/gsm8k (main, test) ${commit}`, rows: 2 },
      fewshot: { count: 2, seed: 1234, data: { source: `openai/gsm8k (main, train) ${commit}`, rows: 6 } },
    });
  });

  test("without a network, or the data set, the local way is named", async () => {
    const { server } = await start();
    server.repositories.delete("datasets/openai/gsm8k");
    const opening = (await findTask("gsm8k_cot_zeroshot")).open();
    await expect(opening).rejects.toThrow(
      /^the task gsm8k_cot_zeroshot needs its data: .*has no dataset "openai\/gsm8k"/,
    );
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    const offline = (await findTask("humaneval")).open();
    await expect(offline).rejects.toThrow(/HF_HUB_OFFLINE.*or give data: FILE, as JSONL, JSON or Parquet/);
  });
});
