// Checkpoints of several files.

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../test/helpers.ts";
import * as t from "../index.ts";

const folder = temporaryFolder();
let count = 0;
const place = () => join(folder, String(count++));
const tensors = () => new Map([1, 2, 3, 4, 5].map((n) => [`layer.${n}`, t.full([n, 10], t.float(n))]));
const indexName = "model.safetensors.index.json";

function sharded(): string {
  const target = place();
  t.scope(() => t.saveSharded(target, tensors(), { maxShardBytes: 200, metadata: { format: "pt" } }));
  return target;
}

function editIndex(target: string, edit: (weightMap: Record<string, unknown>) => void): void {
  const file = join(target, indexName);
  const index = JSON.parse(readFileSync(file, "utf8")) as { weight_map: Record<string, unknown> };
  edit(index.weight_map);
  writeFileSync(file, JSON.stringify(index));
}

test("shards and their index, there and back", () => {
  const target = sharded();
  expect(readdirSync(target).sort()).toEqual([
    "model-00001-of-00004.safetensors",
    "model-00002-of-00004.safetensors",
    "model-00003-of-00004.safetensors",
    "model-00004-of-00004.safetensors",
    indexName,
  ]);
  expect(JSON.parse(readFileSync(join(target, indexName), "utf8"))).toMatchObject({
    metadata: { total_size: 600 },
    weight_map: {
      "layer.1": "model-00001-of-00004.safetensors",
      "layer.2": "model-00001-of-00004.safetensors",
    },
  });
  for (const from of [target, join(target, indexName)]) {
    const checkpoint = t.openSharded(from);
    expect(checkpoint.metadata).toEqual({ format: "pt" });
    expect([...checkpoint.names].sort()).toEqual([...t.scope(tensors).keys()].sort());
    t.scope(() => {
      for (const [name, tensor] of tensors()) {
        expect(checkpoint.info(name).shape).toEqual(tensor.shape);
        expect(t.equal(checkpoint.tensor(name), tensor)).toBe(true);
      }
    });
    expect(() => checkpoint.tensor("other")).toThrow(/tensor "other": there is no such tensor/);
    checkpoint.close();
  }
});

test("what fits one file is one file", () => {
  const target = place();
  t.scope(() => t.saveSharded(target, tensors()));
  expect(readdirSync(target)).toEqual(["model.safetensors"]);
  expect(t.openSharded(target).names.length).toBe(5);
  expect(t.openSharded(join(target, "model.safetensors")).names.length).toBe(5);
});

test("a folder with a checkpoint is not overwritten", () => {
  const target = sharded();
  expect(() => t.scope(() => t.saveSharded(target, tensors()))).toThrow(
    /already holds model.safetensors.index.json/,
  );
  expect(() => t.saveSharded(place(), new Map(), { maxShardBytes: 0 })).toThrow(
    /maxShardBytes must be positive, got 0/,
  );
});

const damages: Record<string, [(target: string) => void, RegExp]> = {
  "a missing shard": [
    (target) => rmSync(join(target, "model-00002-of-00004.safetensors")),
    /model-00002.*ENOENT/,
  ],
  "no index": [(target) => rmSync(join(target, indexName)), /has neither model.safetensors nor/],
  "an index that is no JSON": [
    (target) => writeFileSync(join(target, indexName), "{"),
    /could not be read as JSON/,
  ],
  "no weight_map": [
    (target) => writeFileSync(join(target, indexName), "{}"),
    /"weight_map" must be an object/,
  ],
  "an empty weight_map": [
    (target) => writeFileSync(join(target, indexName), '{"weight_map":{}}'),
    /"weight_map"/,
  ],
  "a name twice": [
    (target) =>
      writeFileSync(join(target, indexName), '{"weight_map":{"a":"x.safetensors","a":"x.safetensors"}}'),
    /"a" is given twice/,
  ],
  "a tensor too many in the index": [
    (target) => editIndex(target, (map) => Object.assign(map, { more: "model-00001-of-00004.safetensors" })),
    /tensor "more": the index places it in model-00001-of-00004.safetensors, which does not hold it/,
  ],
  "a tensor that the index lacks": [
    (target) => editIndex(target, (map) => delete map["layer.1"]),
    /tensor "layer.1": model-00001-of-00004.safetensors holds it, but it is not in the index/,
  ],
  "a tensor in another shard": [
    (target) =>
      editIndex(target, (map) => Object.assign(map, { "layer.1": "model-00002-of-00004.safetensors" })),
    /tensor "layer.1"/,
  ],
  "a shard outside the folder": [
    (target) => editIndex(target, (map) => Object.assign(map, { "layer.1": "../../secret.safetensors" })),
    /a shard must be a .safetensors file beside the index, got "..\/..\/secret.safetensors"/,
  ],
  "a shard that is no text": [
    (target) => editIndex(target, (map) => Object.assign(map, { "layer.1": 3 })),
    /got 3/,
  ],
};

test.each(Object.entries(damages))("%s is refused", (_, [damage, pattern]) => {
  const target = sharded();
  damage(target);
  expect(() => t.openSharded(target)).toThrow(t.SafetensorsError);
  expect(() => t.openSharded(target)).toThrow(pattern);
});

test("a path that does not exist", () => {
  expect(() => t.openSharded(join(folder, "none"))).toThrow(/none: could not be opened: ENOENT/);
  expect(existsSync(join(folder, "none"))).toBe(false);
});
