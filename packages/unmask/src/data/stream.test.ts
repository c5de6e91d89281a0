import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError, UsageError } from "../base/errors.ts";
import { byteTokenizer } from "../text/new-tokenizer.ts";
import { type DataConfig, dataConfigSchema } from "./config.ts";
import type { Answer } from "./example.ts";
import { findFiles } from "./files.ts";
import type { MakeContext } from "./rows.ts";
import { ExampleStream, type StreamPosition } from "./stream.ts";
import { Tally } from "./tally.ts";

const tokenizer = byteTokenizer();
let folder: string;
/** Rows a file has; one of them none. */
const sizes = [13, 0, 1, 29, 7];
const total = sizes.reduce((a, b) => a + b, 0);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "unmask-stream-"));
  for (const [file, size] of sizes.entries()) {
    const rows = Array.from({ length: size }, (_, row) => ({ prompt: `${file}`, response: `r${row}` }));
    const lines = rows.map((row) => JSON.stringify(row)).join("\n");
    await writeFile(join(folder, `${file}.jsonl`), `${lines}\n`);
    const columnData = (["prompt", "response"] as const).map((name) => ({
      name,
      data: rows.map((row) => row[name]),
      type: "STRING" as const,
    }));
    if (size > 0) {
      await writeFile(
        join(folder, `${file}.parquet`),
        new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 5 })),
      );
    }
  }
  const text = (count: number) =>
    Array.from({ length: count }, (_, i) => `{"text":"${"t".repeat(i % 17)}${i}"}`);
  await writeFile(join(folder, "a.texts"), text(40).join("\n"));
  await writeFile(join(folder, "b.texts"), text(23).join("\n"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Made {
  readonly stream: ExampleStream;
  readonly tally: Tally;
}

async function open(change: Partial<DataConfig> = {}, from?: StreamPosition, seed = 3): Promise<Made> {
  const { path = "*.jsonl", ...rest } = change;
  const entry = join(folder, path as string);
  const config = dataConfigSchema.parse({
    path: entry,
    stream: true,
    shuffle_buffer: 8,
    interleave: 2,
    ...rest,
  });
  const tally = new Tally();
  const kind = config.kind === "jsonl" ? ("text" as const) : ("prompt" as const);
  const context: MakeContext = { kind, config, tokenizer, template: undefined, length: 12, tally };
  const files = await findFiles(entry, config, { split: "train" });
  return { stream: new ExampleStream({ files, context, seed }, from), tally };
}

const shown = ({ ids, promptLength }: Answer) =>
  `${tokenizer.decode(Array.from(ids).slice(0, promptLength))}/${tokenizer.decode(Array.from(ids).slice(promptLength), { skipSpecials: true })}`;
const range = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);

async function take(
  stream: ExampleStream,
  batches: readonly (readonly number[])[],
): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (const numbers of batches) {
    const answers = await stream.at(numbers);
    for (const [index, answer] of answers.entries()) found.set(numbers[index]!, shown(answer));
  }
  await stream.close();
  return found;
}
const cut = (numbers: readonly number[], size: number) =>
  range(0, Math.ceil(numbers.length / size)).map((batch) => numbers.slice(batch * size, (batch + 1) * size));

const kinds: [string, Partial<DataConfig>][] = [
  ["JSON lines", {}],
  ["Parquet", { path: "*.parquet" }],
  ["one file at a time", { interleave: 1 }],
  ["all files in turn", { interleave: 99 }],
  ["windows of one", { shuffle_buffer: 1 }],
  ["windows larger than an epoch", { shuffle_buffer: 1000 }],
  ["texts, wrapped", { path: "*.texts", kind: "jsonl" }],
  ["texts, wrapped as released", { path: "*.texts", kind: "jsonl", fidelity: "released" }],
  ["texts, padded", { path: "*.texts", kind: "jsonl", layout: "pad" }],
];

describe.each(kinds)("a stream of %s", (_, change) => {
  const count = 90;
  const read = async (batches: readonly (readonly number[])[], from?: StreamPosition) =>
    take((await open(change, from)).stream, batches);

  it("gives the same examples whatever the batches", async () => {
    const one = await read(cut(range(0, count), 1));
    for (const size of [7, count]) expect(await read(cut(range(0, count), size))).toEqual(one);
    expect(new Set(one.values()).size).toBeGreaterThan(20);
  });

  it("gives every worker its own numbers of one order", async () => {
    const one = await read([range(0, count)]);
    for (const workers of [2, 3]) {
      const parts = await Promise.all(
        range(0, workers).map((worker) =>
          read(
            cut(
              range(0, count).filter((n) => n % workers === worker),
              4,
            ),
          ),
        ),
      );
      const all = new Map(parts.flatMap((part) => [...part]));
      expect(new Map([...all].sort(([a], [b]) => a - b))).toEqual(one);
    }
  });

  it("goes on anywhere, from the beginning or from a position", async () => {
    const one = await read([range(0, count)]);
    for (const at of [0, 7, 8, 31, 50, 77]) {
      const rest = new Map([...one].slice(at));
      expect(await read(cut(range(at, count - at), 6))).toEqual(rest);
      const { stream } = await open(change);
      await stream.at(range(0, at + 1));
      const position: StreamPosition = JSON.parse(
        JSON.stringify(stream.position(at % 2 === 0 ? at : undefined)),
      );
      await stream.close();
      expect(position.example).toBeLessThanOrEqual(at);
      expect(await read(cut(range(at, count - at), 6), position)).toEqual(rest);
    }
  });

  it("comes in another order with another seed", async () => {
    const { stream } = await open(change, undefined, 4);
    const other = [...(await take(stream, [range(0, count)])).values()];
    const own = [...(await read([range(0, count)])).values()];
    expect(other).not.toEqual(own);
  });
});

describe("epochs and windows", () => {
  it("every epoch has every row once, in an order of its own", async () => {
    const { stream } = await open();
    const all = [...(await take(stream, [range(0, 3 * total)])).values()];
    const epochs = [0, 1, 2].map((epoch) => all.slice(epoch * total, (epoch + 1) * total));
    const rows = sizes.flatMap((size, file) => range(0, size).map((row) => `${file}/r${row}`)).sort();
    for (const epoch of epochs) expect([...epoch].sort()).toEqual(rows);
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(epochs[1]).not.toEqual(epochs[2]);
  });

  it("a window is a permutation of as many examples in the order of the files", async () => {
    const plain = [...(await take((await open({ shuffle_buffer: 1 })).stream, [range(0, total)])).values()];
    const mixed = [...(await take((await open({ shuffle_buffer: 8 })).stream, [range(0, total)])).values()];
    for (let first = 0; first < total; first += 8) {
      expect(mixed.slice(first, first + 8).sort()).toEqual(plain.slice(first, first + 8).sort());
    }
    expect(mixed).not.toEqual(plain);
  });

  it("later epochs cut their windows elsewhere", async () => {
    const firsts = new Set<number>();
    for (let seed = 0; seed < 12; seed++) {
      const { stream } = await open({ interleave: 1, path: "3.jsonl" }, undefined, seed);
      const second = [...(await take(stream, [range(29, 8)])).values()].map((text) => Number(text.slice(3)));
      // With windows of eight it would always be 7.
      firsts.add(Math.max(...second));
    }
    expect(firsts.size).toBeGreaterThan(3);
  });

  it("wrapped rows are whole, and an epoch's tokens are the texts'", async () => {
    const { stream } = await open({ path: "*.texts", kind: "jsonl", shuffle_buffer: 1, interleave: 1 });
    const answers = await stream.at(range(0, 60));
    await stream.close();
    for (const { ids } of answers) expect(ids).toHaveLength(12);
    const text = answers.flatMap(({ ids }) => Array.from(ids));
    const eos = tokenizer.specials.eos!;
    const [firstFile] = tokenizer.decode(text).split(tokenizer.idToToken(eos)!);
    expect(firstFile).toBe("0");
  });

  it("counts what was odd once, not every epoch", async () => {
    await writeFile(join(folder, "odd.lines"), '{"text":"a"}\nx\n{"text":" "}\n{"text":"b"}\n');
    const { stream, tally } = await open({
      path: "odd.lines",
      kind: "jsonl",
      layout: "pad",
      on_corrupt: "skip",
    });
    await stream.at(range(0, 10));
    await stream.close();
    expect(tally.lines).toEqual([
      expect.stringMatching(/^1 corrupt rows left out, the first: .*odd\.lines, line 2: not valid JSON/),
      expect.stringMatching(/^1 rows without text left out, the first: .*line 3$/),
    ]);
  });
});

it("calls that overlap come one after the other, and positions are of the number", async () => {
  const plain = await take((await open()).stream, [range(0, 40)]);
  const { stream } = await open();
  const batches = await Promise.all(
    [range(0, 10), range(10, 15), range(25, 15)].map((numbers) => stream.at(numbers)),
  );
  expect(batches.flat().map(shown)).toEqual([...plain.values()]);
  const windows = [0, 7, 8, 23, 24].map((number) => stream.position(number));
  expect(windows.map(({ example }) => example)).toEqual([0, 0, 8, 16, 24]);
  const { stream: again } = await open({}, windows[3]);
  expect((await again.at(range(23, 10))).map(shown)).toEqual([...plain.values()].slice(23, 33));
  await stream.close();
  await again.close();
});

describe("a stream refuses", () => {
  it("to go back, and to give what is gone", async () => {
    const { stream } = await open();
    await stream.at(range(20, 5));
    await stream.at([24]);
    await expect(stream.at([3])).rejects.toBeInstanceOf(UsageError);
    await expect(stream.at([3])).rejects.toThrow("example 3 of a stream was asked for after a later one");
    await expect(stream.at([23])).rejects.toThrow("example 23");
    expect(await stream.at([24])).toHaveLength(1);
    await stream.close();
  });

  it("data without rows, and corrupt ones that may not be left out", async () => {
    const { stream } = await open({ path: "1.jsonl" });
    await expect(stream.at([0])).rejects.toThrow(/1\.jsonl: nothing to learn from \(no rows at all\)/);
    await writeFile(join(folder, "bad.lines"), '{"text":"a"}\n{"text":7}\n');
    const bad = await open({ path: "bad.lines", kind: "jsonl" });
    await expect(bad.stream.at(range(0, 3))).rejects.toBeInstanceOf(DataError);
    await expect(bad.stream.at(range(0, 3))).rejects.toThrow(
      /bad\.lines, line 2: the field "text" is 7, not a text/,
    );
  });
});

it("the fingerprint is of files, settings and tokenizer, not of where the files lie", async () => {
  const of = async (change: Partial<DataConfig>) => (await open(change)).stream.fingerprint;
  const own = await of({});
  expect(await of({})).toBe(own);
  expect(await of({ path: "[0-4].jsonl" })).toBe(own);
  expect(await of({ path: "3.jsonl" })).not.toBe(own);
  expect(await of({ shuffle_buffer: 9 })).not.toBe(own);
  expect(await of({ too_long: "skip" })).not.toBe(own);
});
