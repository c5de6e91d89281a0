// Tensors for a terminal: equal layers become one, so that a list of 32 layers has the lines of one.

import { product } from "../models/storage.ts";
import { gigabytes } from "./numbers.ts";
import { displayWidth, printable, type Styles } from "./terminal.ts";

export interface ListedTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  /** False for buffers, which are kept and not used. */
  readonly parameter: boolean;
}

export interface TensorGroup {
  /** What stands before and with the layer's number, "model.layers.{0…31}"; "" for what is in no layer. */
  readonly layers: string;
  /** The rest of the name. */
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly count: number;
  /** Of all together. */
  readonly bytes: number;
}

/** One group for tensors of equal shape and dtype whose names differ in the first number alone. */
export function groupTensors(tensors: readonly ListedTensor[]): TensorGroup[] {
  const parts = tensors.map(({ name }) => {
    const [, stem = "", number, rest = name] = /^(.*?)\.?(?<=^|\.)(\d+)\.(.*)$/.exec(name) ?? [];
    return number === undefined ? { rest } : { stem, number: Number(number), rest };
  });
  const lists = layerLists(parts);
  const groups = new Map<
    string,
    { tensors: ListedTensor[]; numbers: number[]; stem: string; rest: string }
  >();
  tensors.forEach((tensor, i) => {
    const { stem, number, rest } = parts[i]!;
    const inList = number !== undefined && lists.has(stem!);
    const key = JSON.stringify(inList ? [stem, rest, tensor.shape, tensor.dtype] : tensor.name);
    const fresh = { tensors: [], numbers: [], stem: stem ?? "", rest: inList ? rest : tensor.name };
    const group = groups.get(key) ?? fresh;
    group.tensors.push(tensor);
    if (inList) group.numbers.push(number);
    groups.set(key, group);
  });
  return [...groups.values()].map(({ tensors: own, numbers, stem, rest }) => {
    const { shape, dtype } = own[0]!;
    const layers = numbers.length === 0 ? "" : `${stem}.${ranges(numbers)}`.replace(/^\./, "");
    const bytes = own.reduce((sum, one) => sum + one.bytes, 0);
    return { layers, name: rest, dtype, shape, count: own.length, bytes };
  });
}

/** Stems whose numbers count layers: from 0, none left out. */
function layerLists(parts: readonly { stem?: string; number?: number }[]): Set<string> {
  const numbers = new Map<string, Set<number>>();
  for (const { stem, number } of parts) {
    if (stem === undefined || number === undefined) continue;
    numbers.set(stem, (numbers.get(stem) ?? new Set()).add(number));
  }
  return new Set(
    [...numbers].filter(([, found]) => Math.max(...found) === found.size - 1).map(([stem]) => stem),
  );
}

/** {0…31}, {0…3,5}, 7 */
function ranges(numbers: readonly number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let start = 0; start < sorted.length; ) {
    let end = start;
    while (sorted[end + 1] === sorted[end]! + 1) end++;
    parts.push(start === end ? String(sorted[start]) : `${sorted[start]}…${sorted[end]}`);
    start = end + 1;
  }
  return parts.length === 1 && numbers.length === 1 ? parts[0]! : `{${parts.join(",")}}`;
}

/** A head for every run of layers, its tensors under it. */
export function renderGroups(groups: readonly TensorGroup[], width: number, style: Styles): string[] {
  const cells = groups.map(({ layers, name, shape, dtype, bytes, count }) => ({
    layers: printable(layers),
    name: (layers === "" ? "" : "  ") + printable(name),
    shape: shape.length === 0 ? "one number" : shape.join(" × "),
    dtype,
    bytes: product(shape) === 0 ? "0" : sizeOf(bytes),
    each: count > 1 ? `${sizeOf(bytes / count)} each` : "",
  }));
  const widest = (key: "shape" | "dtype" | "bytes" | "each") =>
    Math.max(...cells.map((cell) => displayWidth(cell[key])), 0);
  const [shape, dtype, bytes, each] = [widest("shape"), widest("dtype"), widest("bytes"), widest("each")];
  const longest = Math.max(...cells.map((cell) => displayWidth(cell.name)), 0);
  const withEach = longest + shape + dtype + bytes + each + 8 <= width;
  const room = Math.max(12, Math.min(longest, width - shape - dtype - bytes - 6 - (withEach ? each + 2 : 0)));
  const lines: string[] = [];
  let layers = "";
  for (const cell of cells) {
    if (cell.layers !== layers && cell.layers !== "") lines.push(style.bold(shorten(cell.layers, width)));
    layers = cell.layers;
    const name = shorten(cell.name, room).padEnd(room);
    const line = `${name}  ${cell.shape.padStart(shape)}  ${cell.dtype.padEnd(dtype)}  ${cell.bytes.padStart(bytes)}`;
    lines.push(withEach && cell.each !== "" ? `${line}  ${style.dim(cell.each.padStart(each))}` : line);
  }
  return lines;
}

const sizeOf = (bytes: number): string => {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 2 ** 20 ? `${Math.round(bytes / 1024)} KiB` : gigabytes(bytes);
};

/** The end of a name says more than its start. */
function shorten(text: string, width: number): string {
  return text.length <= width ? text : `…${text.slice(text.length - width + 1)}`;
}
