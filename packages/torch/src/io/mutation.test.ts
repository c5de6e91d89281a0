// 1,000 damaged files: a SafetensorsError, or a load that agrees with the bytes of the file; never a crash.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { f, i, temporaryFolder } from "../../test/helpers.ts";
import { bytesOf, fileOf, formatNames, trustingRead } from "../../test/safetensors-bytes.ts";
import * as t from "../index.ts";

const folder = temporaryFolder();

/** A small generator of its own (mulberry32), so that the files stay the same. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

type Random = (below: number) => number;
type Json = Record<string, Record<string, unknown>>;

const pick = <T>(random: Random, list: readonly T[]): T => list[random(list.length)]!;

const strangeValues = [
  -1,
  0,
  1,
  2,
  3,
  4,
  7,
  8,
  16,
  1e15,
  2 ** 53,
  1e308,
  0.5,
  null,
  true,
  "",
  "8",
  [],
  {},
  [0],
  [0, 8],
  [8, 0],
  [-1, 7],
  [0, 2 ** 53],
  [2 ** 31, 2 ** 33],
  [0, 2 ** 62, 2 ** 62],
  "F32",
  "F64",
  "BOOL",
  "U8",
  "F8_E4M3",
  "NOPE",
];

const split = (file: Buffer): [Json, Buffer] => {
  const length = Number(file.readBigUInt64LE());
  return [JSON.parse(file.subarray(8, 8 + length).toString()) as Json, file.subarray(8 + length)];
};

const mutations: Record<string, (file: Buffer, random: Random) => Buffer> = {
  flip: (file, random) => {
    for (let n = 1 + random(4); n > 0; n--) file[random(file.length)]! ^= 1 << random(8);
    return file;
  },
  flipHeader: (file, random) => {
    const length = Number(file.readBigUInt64LE());
    for (let n = 1 + random(3); n > 0; n--) file[8 + random(length)] = 32 + random(95);
    return file;
  },
  truncate: (file, random) => file.subarray(0, random(file.length)),
  extend: (file, random) => Buffer.concat([file, Buffer.alloc(1 + random(64))]),
  headerLength: (file, random) => {
    const length = file.readBigUInt64LE();
    const lengths = [
      0n,
      1n,
      length - 1n,
      length + 1n,
      length + 8n,
      BigInt(file.length),
      100_000_000n,
      2n ** 63n,
      2n ** 64n - 1n,
    ];
    file.writeBigUInt64LE(pick(random, lengths));
    return file;
  },
  field: (file, random) => {
    const [json, data] = split(file);
    const entry = json[pick(random, Object.keys(json))]!;
    entry[pick(random, ["dtype", "shape", "data_offsets", "extra"])] = pick(random, strangeValues);
    return fileOf(json, data);
  },
  element: (file, random) => {
    const [json, data] = split(file);
    const entry = pick(
      random,
      Object.values(json).filter((one) => Array.isArray(one.shape)),
    );
    const list = entry[pick(random, ["shape", "data_offsets"])] as unknown[];
    list[random(list.length + 1)] = pick(random, strangeValues);
    return fileOf(json, data);
  },
  overlap: (file, random) => {
    const [json, data] = split(file);
    const names = Object.keys(json).filter((name) => name !== "__metadata__");
    json[pick(random, names)] = { ...json[pick(random, names)]! };
    return fileOf(json, data);
  },
  remove: (file, random) => {
    const [json, data] = split(file);
    delete json[pick(random, Object.keys(json))];
    return fileOf(json, data);
  },
  duplicate: (file, random) => {
    const [json, data] = split(file);
    const name = pick(random, Object.keys(json));
    const text = `${JSON.stringify(json).slice(0, -1)},${JSON.stringify(name)}:${JSON.stringify(json[name])}}`;
    return fileOf(text, data);
  },
};

function original(): Buffer {
  const path = join(folder, "original.safetensors");
  t.scope(() => {
    const tensors = {
      weight: f([
        [1, 2, 3],
        [4, 5, 6],
      ]),
      bias: f([0.5, -1], "bfloat16"),
      ids: i([1, 2, 3]),
      mask: f([true, false, true], "bool"),
      step: f(7, "float64"),
      none: t.zeros([0, 4]),
    };
    t.saveSafetensors(path, tensors, { metadata: { format: "pt" } });
  });
  return readFileSync(path);
}

/** What became of a file: the error's message, or nothing if all agreed with the file. */
function outcome(path: string): string | undefined {
  return t.scope(() => {
    try {
      const file = t.openSafetensors(path);
      const expected = trustingRead(readFileSync(path));
      expect([...file.names].sort()).toEqual([...expected.keys()].sort());
      for (const [name, { dtype, shape, bytes }] of expected) {
        const tensor = file.tensor(name);
        expect([formatNames[tensor.dtype], tensor.shape]).toEqual([dtype, shape]);
        expect(bytesOf(tensor)).toEqual(dtype === "BOOL" ? bytes.map((byte) => Math.min(byte, 1)) : bytes);
      }
      file.close();
      return undefined;
    } catch (error) {
      if (error instanceof t.SafetensorsError) return error.message;
      throw error;
    }
  });
}

test("1,000 mutated files give a clean error or a correct load", () => {
  const whole = original();
  const random = randomFrom(20);
  const kinds = Object.entries(mutations);
  const refused = new Map(kinds.map(([kind]) => [kind, 0]));
  for (let n = 0; n < 1000; n++) {
    const [kind, mutate] = kinds[n % kinds.length]!;
    const path = join(folder, `${n % 50}.safetensors`);
    writeFileSync(path, mutate(Buffer.from(whole), random));
    const message = outcome(path);
    if (message === undefined) continue;
    refused.set(kind, refused.get(kind)! + 1);
    expect(message.startsWith(`${path}: `)).toBe(true);
    expect(message).not.toMatch(/\n.*\n| {4}at /);
  }
  expect(outcome(join(folder, "original.safetensors"))).toBeUndefined();
  for (const kind of ["truncate", "extend", "headerLength", "duplicate"]) expect(refused.get(kind)).toBe(100);
  // Both outcomes happen, so the comparison above has been at work.
  expect(refused.get("flip")).toBeGreaterThan(20);
  expect(refused.get("flip")).toBeLessThan(100);
});
