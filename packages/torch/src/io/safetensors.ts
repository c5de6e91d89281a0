// Reading safetensors files: the header at once, tensors on demand.
//
// The file is mapped into memory, privately: a tensor's pages are read when they are touched, writing to a tensor
// does not change the file, and the mapping lives as long as any of its tensors. Tensors whose bytes are not
// aligned for their dtype, and booleans (any byte but 0 is true), are copies. Do not truncate a file in place while
// it is mapped; replacing it by a rename, as saveSafetensors() does, is fine.

import { closeSync, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { resolve } from "node:path";
import { type Dtype, dtypes } from "../core/dtype.ts";
import { keep, scope } from "../core/scope.ts";
import type { Tensor } from "../core/tensor.ts";
import { clone, empty, fromFile, narrow, ne, reshape, slice, sum, viewDtype } from "../generated/ops.ts";
import { fileError, quote, SafetensorsError } from "./error.ts";
import { checkHeaderLength, type Entry, type Header, parseHeader, type UnsupportedDtype } from "./header.ts";

export interface TensorInfo {
  /** libtorch's dtype; for one that it lacks, the file's own spelling (tensor() will refuse). */
  readonly dtype: Dtype | UnsupportedDtype;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** Tensors by name, from one file or from several. */
export interface Checkpoint {
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of the data. */
  readonly names: readonly string[];
  /** Throws a SafetensorsError if there is no such tensor. */
  info(name: string): TensorInfo;
  /** The tensor on the CPU. It stays valid when the checkpoint is gone, and belongs to the scope like any other. */
  tensor(name: string): Tensor;
  /** Reads the data once in order, so that tensors are in memory when they are touched in any order. */
  readAhead(): void;
  /** Lets go of the mapping; tensors that were handed out stay valid. Collected like any object if not called. */
  close(): void;
}

const pageBytes = 4096;

/** Opens one safetensors file. Throws a SafetensorsError if it is anything but a sound one. */
export function openSafetensors(path: string): Checkpoint {
  return new SafetensorsFile(path);
}

class SafetensorsFile implements Checkpoint {
  readonly metadata: Readonly<Record<string, string>>;
  readonly names: readonly string[];
  private readonly path: string;
  private readonly fullPath: string;
  private readonly stats: Stats;
  private readonly entries: ReadonlyMap<string, Entry>;
  private readonly dataStart: number;
  private mapping: Tensor | undefined;

  constructor(path: string) {
    const { header, dataStart, stats } = readHeader(path);
    this.path = path;
    this.fullPath = resolve(path);
    this.stats = stats;
    this.dataStart = dataStart;
    this.metadata = header.metadata;
    this.entries = header.entries;
    this.names = [...header.entries.keys()];
  }

  info(name: string): TensorInfo {
    const { dtype, shape, begin, end } = this.entry(name);
    return { dtype, shape, bytes: end - begin };
  }

  tensor(name: string): Tensor {
    const { dtype, supported, shape, begin, end } = this.entry(name);
    if (!supported) {
      const remedy = "convert it to another dtype with the tool that wrote it";
      throw new SafetensorsError(this.path, `libtorch has no dtype ${dtype}; ${remedy}`, name);
    }
    const target = dtype as Dtype;
    return scope(() => {
      if (end === begin) return empty(shape, { dtype: target });
      const start = this.dataStart + begin;
      const bytes = narrow(this.map(), 0, start, end - begin);
      if (target === "bool") return reshape(ne(bytes, 0), shape);
      const aligned = start % dtypes[target].bytes === 0 ? bytes : clone(bytes);
      return reshape(viewDtype(aligned, target), shape);
    });
  }

  readAhead(): void {
    if (this.stats.size === 0) return;
    // One byte of every page is enough to have it read.
    scope(() => void sum(slice(this.map(), { dim: 0, step: pageBytes })));
  }

  close(): void {
    this.mapping?.dispose();
    this.mapping = undefined;
  }

  private entry(name: string): Entry {
    const entry = this.entries.get(name);
    if (entry !== undefined) return entry;
    const some = this.names.slice(0, 3).map(quote).join(", ");
    const there = `it has ${this.names.length} tensors${some === "" ? "" : `, such as ${some}`}`;
    throw new SafetensorsError(this.path, `there is no such tensor; ${there}`, name);
  }

  /** The whole file as bytes. A mapping that reaches behind the end would kill the process when touched. */
  private map(): Tensor {
    if (this.mapping !== undefined) return this.mapping;
    let mapping: Tensor;
    let now: Stats;
    try {
      mapping = keep(fromFile(this.fullPath, { shared: false, size: this.stats.size, dtype: "uint8" }));
      now = statSync(this.fullPath);
    } catch (error) {
      throw fileError(this.path, "could not be mapped into memory", error);
    }
    if (now.ino !== this.stats.ino || now.size !== this.stats.size || now.mtimeMs !== this.stats.mtimeMs) {
      mapping.dispose();
      throw new SafetensorsError(this.path, "the file has changed since it was opened; open it again");
    }
    this.mapping = mapping;
    return mapping;
  }
}

function readHeader(path: string): { header: Header; dataStart: number; stats: Stats } {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const stats = fstatSync(file);
    if (!stats.isFile())
      throw new SafetensorsError(path, "it is no regular file; give the path of a safetensors file");
    if (stats.size < 8) {
      const remedy = "it is empty or truncated, fetch or save it again";
      throw new SafetensorsError(
        path,
        `the file has ${stats.size} bytes, a safetensors file at least 10; ${remedy}`,
      );
    }
    const claimed = readExactly(path, file, { position: 0, length: 8 }).readBigUInt64LE();
    const length = checkHeaderLength(path, claimed, stats.size);
    const bytes = readExactly(path, file, { position: 8, length });
    return { header: parseHeader(path, bytes, stats.size - 8 - length), dataStart: 8 + length, stats };
  } catch (error) {
    throw fileError(path, "could not be read", error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function readExactly(path: string, file: number, range: { position: number; length: number }): Buffer {
  const buffer = Buffer.alloc(range.length);
  for (let done = 0; done < range.length; ) {
    const count = readSync(file, buffer, done, range.length - done, range.position + done);
    if (count === 0) throw new SafetensorsError(path, "the file shrank while it was read; open it again");
    done += count;
  }
  return buffer;
}
