// A saved model is the model that was opened: the same files, the same bits, whatever its precision and its shards.

import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convert, narrow, openSharded, saveSharded, scope, type Tensor, toTypedArray } from "@unmask/torch";
import { afterAll, beforeAll, expect, it } from "vitest";
import { UnsupportedError } from "../../src/base/errors.ts";
import { loadNetwork, readParameters } from "../../src/models/load.ts";
import { openModel } from "../../src/models/open.ts";
import { saveLike } from "../../src/models/save.ts";
import { type ContractSubject, ids, quietly, rows } from "./subject.ts";

export function savingContract(subject: ContractSubject): void {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "unmask-family-"));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  /** Every tensor's name, dtype, shape and bytes. */
  const contents = (folder: string) => {
    const file = openSharded(folder);
    return scope(() => {
      const entries = [...file.names].sort().map((name) => {
        const { dtype, shape, bytes } = file.info(name);
        const values = toTypedArray(file.tensor(name));
        const raw = Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64");
        return { name, dtype, shape, bytes, raw };
      });
      return { entries, metadata: file.metadata };
    });
  };
  const resave = (from: string, to: string, options: { maxShardBytes?: number } = {}) => {
    const origin = openModel(from);
    const parameters = readParameters(origin);
    saveLike(origin, parameters, { folder: to, ...options });
    for (const parameter of parameters.values()) parameter.dispose();
    origin.checkpoint.close();
  };

  it("gives back the same files: config.json byte for byte, names, dtypes, shapes, values bit for bit", () => {
    const folder = join(root, "again");
    resave(subject.folder, folder);
    expect(contents(folder)).toEqual(contents(subject.folder));
    for (const name of readdirSync(subject.folder).filter((one) => one.endsWith(".json"))) {
      const [saved, original] = [folder, subject.folder].map((one) => readFileSync(join(one, name)));
      expect(saved!.equals(original!), name).toBe(true);
    }
    expect(readdirSync(folder).sort()).toEqual(readdirSync(subject.folder).sort());
    expect(logitsOf(folder)).toEqual(logitsOf(subject.folder));
  });

  it("in shards and back into one file changes nothing", () => {
    const [sharded, single] = [join(root, "sharded"), join(root, "single")];
    resave(subject.folder, sharded, { maxShardBytes: 60_000 });
    const shards = readdirSync(sharded).filter((name) => name.endsWith(".safetensors"));
    expect(shards.length).toBeGreaterThan(2);
    expect(contents(sharded).entries).toEqual(contents(subject.folder).entries);
    resave(sharded, single);
    expect(readdirSync(single)).toContain("model.safetensors");
    expect(contents(single).entries).toEqual(contents(subject.folder).entries);
  });

  it("is found under every prefix that files put before the names, and saved with it", () => {
    const origin = openModel(subject.folder);
    for (const [i, prefix] of origin.family.prefixes.entries()) {
      const [renamed, again] = [join(root, `prefix-${i}`), join(root, `prefix-${i}-again`)];
      scope(() => {
        const tensors = origin.checkpoint.names.map((name): [string, Tensor] => [
          prefix + name.slice(origin.prefix.length),
          origin.checkpoint.tensor(name),
        ]);
        saveSharded(renamed, new Map(tensors));
        cpSync(join(subject.folder, "config.json"), join(renamed, "config.json"));
      });
      const opened = openModel(renamed);
      expect(opened.prefix).toBe(prefix);
      expect(opened.buffers.length).toBe(origin.buffers.length);
      opened.checkpoint.close();
      expect(logitsOf(renamed)).toEqual(logitsOf(subject.folder));
      resave(renamed, again);
      expect(contents(again)).toEqual(contents(renamed));
    }
    origin.checkpoint.close();
  });

  it("refuses parameters that are missing, of another shape, or stored as int8, before a file is written", () => {
    const origin = openModel(subject.folder);
    const whole = readParameters(origin);
    const [name] = [...whole.keys()].filter((one) => whole.get(one)!.shape.length === 2);
    const [folder, one] = [join(root, "refused"), new Map(whole)];
    const save = () => saveLike(origin, one, { folder });
    scope(() => {
      one.delete(name!);
      expect(save).toThrow(`the parameter "${name}" is missing`);
      one.set(name!, narrow(whole.get(name!)!, 0, 0, 1));
      expect(save).toThrow(`the parameter "${name}" is float32[1, `);
      one.set(name!, convert(whole.get(name!)!, "int8", undefined));
      expect(save).toThrow(UnsupportedError);
    });
    expect(existsSync(folder)).toBe(false);
    for (const parameter of whole.values()) parameter.dispose();
    origin.checkpoint.close();
  });

  it.each(["bfloat16", "float16"] as const)("keeps %s as it was, also from weights held wider", (dtype) => {
    const [half, again] = [join(root, `half-${dtype}`), join(root, `again-${dtype}`)];
    scope(() => {
      const origin = openModel(subject.folder);
      const tensors = origin.checkpoint.names.map((name): [string, Tensor] => {
        const stored = origin.checkpoint.tensor(name);
        return [name, origin.buffers.includes(name) ? stored : convert(stored, dtype, undefined)];
      });
      saveSharded(half, new Map(tensors), { metadata: { format: "pt" } });
      cpSync(join(subject.folder, "config.json"), join(half, "config.json"));
    });
    const origin = openModel(half);
    const parameters = readParameters(origin, { dtype: "float32" });
    saveLike(origin, parameters, { folder: again });
    expect(contents(again)).toEqual(contents(half));
    const other = loadNetwork(again);
    expect(quietly(() => other.network.logits(ids(rows)).dtype)).toBe("float32");
    other.dispose();
  });
}

function logitsOf(folder: string) {
  const loaded = loadNetwork(folder);
  const values = quietly(() => toTypedArray(loaded.network.logits(ids(rows))));
  loaded.dispose();
  return values;
}
