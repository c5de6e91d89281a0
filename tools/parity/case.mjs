// @ts-check
// One case: its fields, its tensors and its tolerances. Arrays stand in the JSON as nested numbers, as rows of "0"
// and "1", or as {tensor, shape, dtype} for the safetensors file beside it.

import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { openSafetensors, tensor, toNumbers } from "../../packages/torch/dist/index.js";

/**
 * @typedef {{ values: ArrayLike<number>, shape: readonly number[] }} Numbers row-major
 * @typedef {{ abs?: number, rel?: number }} Tolerance a difference may be abs + rel · |expected|
 * @typedef {import("../../packages/torch/dist/index.js").Tensor} Tensor
 */

export class Case {
  /** @type {import("./discover.mjs").Found} */
  #found;
  /** @type {ReturnType<typeof openSafetensors> | undefined} */
  #tensors;
  /** @type {Set<string>} */
  #read = new Set();
  /** @type {Record<string, any>} */
  json;
  /** What a reader of the line should know, such as a deviation. @type {string[]} */
  notes = [];

  /**
   * @param {import("./discover.mjs").Found} found
   * @param {Record<string, any>} json
   */
  constructor(found, json) {
    this.#found = found;
    this.json = json;
  }

  /** @param {string} name */
  input(name) {
    return this.#field("inputs", name);
  }

  /** @param {string} name */
  output(name) {
    this.#read.add(name);
    return this.#field("outputs", name);
  }

  /** @param {string} name */
  hasOutput(name) {
    return this.json.outputs?.[name] != null;
  }

  /**
   * An argument; the fallback if the case does not give it.
   * @template {string | number | boolean} Value
   * @param {string} name
   * @param {Value} fallback
   * @returns {Value extends string ? string : Value extends number ? number : boolean}
   */
  argument(name, fallback) {
    return this.json.arguments?.[name] ?? fallback;
  }

  /** Outputs that nothing was compared with. */
  unchecked() {
    return Object.keys(this.json.outputs ?? {}).filter((name) => !this.#read.has(name));
  }

  /** Marks an output as needing no comparison. @param {string[]} names */
  informational(...names) {
    for (const name of names) this.#read.add(name);
  }

  /**
   * The case's own tolerance for a quantity, its tolerance for everything, or the fallback.
   * @param {string} quantity
   * @param {Tolerance} fallback
   * @returns {Tolerance}
   */
  tolerance(quantity, fallback) {
    const { tolerance } = this.json;
    const plain = tolerance?.[`${quantity}_abs`];
    if (typeof plain === "number") return { abs: plain };
    for (const candidate of [tolerance?.[quantity], tolerance]) {
      if (candidate === "exact") return { abs: 0 };
      if (candidate?.abs !== undefined || candidate?.rel !== undefined) return candidate;
    }
    return fallback;
  }

  /** Folder of a checkpoint; the case's "checkpoint" unless a path is given. @param {string} [path] */
  checkpoint(path = this.json.checkpoint) {
    if (typeof path !== "string") throw new Error('the case names no checkpoint (field "checkpoint")');
    const folder = this.#found.roots.map((root) => join(root, path)).find((one) => isFolder(one));
    if (folder === undefined) throw new Error(`there is no checkpoint folder ${path}`);
    return folder;
  }

  /** What another case says: "family/case.json outputs.name". @param {string} reference @returns {any} */
  elsewhere(reference) {
    const [file = "", path = ""] = reference.split(" ");
    const found = this.#found.roots.map((root) => join(root, file)).find((one) => existsSync(one));
    if (found === undefined) throw new Error(`there is no file ${file}`);
    const json = JSON.parse(readFileSync(found, "utf8"));
    const value = path.split(".").reduce((inside, key) => inside?.[key], json);
    if (value === undefined) throw new Error(`${file} has no ${path}`);
    return value;
  }

  /** @param {unknown} value @returns {Numbers} */
  numbers(value) {
    if (isReference(value)) {
      const stored = this.#stored(value);
      const numbers = { values: toNumbers(stored), shape: [...stored.shape] };
      stored.dispose();
      return numbers;
    }
    return nestedNumbers(value);
  }

  /**
   * The value as a tensor, in the file's dtype or the one given (float32 for numbers in the JSON).
   * @param {unknown} value
   * @param {import("../../packages/torch/dist/index.js").Dtype} [dtype]
   * @returns {Tensor}
   */
  tensor(value, dtype) {
    if (isReference(value) && dtype === undefined) return this.#stored(value);
    const { values, shape } = this.numbers(value);
    if (dtype === "int64") return tensor(BigInt64Array.from(Array.from(values), BigInt), shape);
    return tensor(Float64Array.from(values), shape, { dtype: dtype ?? "float32" });
  }

  /** Names in the safetensors file that begin with `prefix`. @param {string} prefix */
  tensorNames(prefix) {
    return this.#tensorsFile() === undefined
      ? []
      : this.#open().names.filter((name) => name.startsWith(prefix));
  }

  close() {
    this.#tensors?.close();
  }

  /** Name of the file beside the case that holds its arrays. @returns {string | undefined} */
  #tensorsFile() {
    const { tensors_file: file, outputs } = this.json;
    return file ?? (typeof outputs?.tensors === "string" ? outputs.tensors : undefined);
  }

  #open() {
    const file = this.#tensorsFile() ?? `${this.#found.stem}.safetensors`;
    this.#tensors ??= openSafetensors(join(dirname(this.#found.path), file));
    return this.#tensors;
  }

  /** @param {{ tensor: string, shape?: number[] }} reference */
  #stored({ tensor: name, shape }) {
    const stored = this.#open().tensor(name);
    if (shape !== undefined && shape.join() !== stored.shape.join())
      throw new Error(
        `tensor "${name}" is [${stored.shape.join(", ")}], the case says [${shape.join(", ")}]`,
      );
    return stored;
  }

  /**
   * @param {"inputs" | "outputs"} group
   * @param {string} name
   */
  #field(group, name) {
    const value = this.json[group]?.[name];
    if (value == null) throw new Error(`${group}.${name} is missing`);
    return value;
  }
}

/** @param {string} path */
const isFolder = (path) => existsSync(path) && statSync(path).isDirectory();

/** @param {unknown} value @returns {value is { tensor: string, shape?: number[] }} */
function isReference(value) {
  return value !== null && typeof value === "object" && "tensor" in value && typeof value.tensor === "string";
}

/** @param {unknown} value @returns {Numbers} */
export function nestedNumbers(value) {
  if (typeof value === "string" && /^[01]*$/.test(value)) return nestedNumbers([...value].map(Number));
  if (typeof value === "boolean") return { values: [Number(value)], shape: [] };
  if (typeof value === "number") return { values: [value], shape: [] };
  if (!Array.isArray(value)) throw new Error(`expected numbers, got ${JSON.stringify(value)?.slice(0, 60)}`);
  if (value.length === 0) return { values: [], shape: [0] };
  const parts = value.map(nestedNumbers);
  const inner = /** @type {Numbers} */ (parts[0]).shape;
  if (parts.some(({ shape }) => shape.join() !== inner.join())) throw new Error("rows differ in length");
  return { values: parts.flatMap(({ values }) => Array.from(values)), shape: [value.length, ...inner] };
}
