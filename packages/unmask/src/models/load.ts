// Weights from an opened folder into a network.
//
// On the CPU in their own dtype the weights stay where they are: the file is mapped, read ahead once in order, and
// shared with every other process that has it open. Any other dtype or device is a copy, made tensor by tensor, and the
// file's pages are let go of in between.

import {
  clone,
  convert,
  type Device,
  type Dtype,
  emptyCache,
  equal,
  keep,
  scope,
  type Tensor,
} from "@unmask/torch";
import { CheckpointError, UnsupportedError } from "../base/errors.ts";
import type { Network } from "./family.ts";
import { availableMemory } from "./memory.ts";
import { type OpenModel, openModel } from "./open.ts";
import { isQuantised, quantiseWeight } from "./quantise.ts";
import { planStorage, tensorsOf } from "./storage.ts";

export interface LoadOptions {
  readonly device?: Device | undefined;
  /** "auto" (the default) keeps each tensor as stored; "int8" stores matrices as int8 with a scale a row. */
  readonly dtype?: WeightDtype | undefined;
  /** Copies instead of mapping, for weights that will be trained or whose file may be rewritten. */
  readonly copy?: boolean | undefined;
  /** For inference alone: what is constant there is computed once (MDLM's conditioning at sigma 0). Exact. */
  readonly fold?: boolean | undefined;
  /** Bytes of memory that may be used; what the system has to give by default. */
  readonly available?: number | undefined;
}

export type WeightDtype = "auto" | "float32" | "bfloat16" | "float64" | "int8";

export interface LoadedNetwork extends OpenModel {
  readonly network: Network;
  /** Frees the weights. */
  dispose(): void;
}

/** Opens and loads a folder. Throws a CheckpointError or UnsupportedError. */
export function loadNetwork(folder: string, options: LoadOptions = {}): LoadedNetwork {
  const opened = openModel(folder);
  refuseDtype(opened, options.dtype);
  refuseTooLarge(opened, options);
  const parameters = readParameters(opened, options);
  const { family, config } = opened;
  const network =
    options.fold === true && family.fold !== undefined
      ? family.fold(config, parameters)
      : family.create(config, parameters);
  const used = new Set(network.parameters.values());
  for (const parameter of parameters.values()) if (!used.has(parameter)) parameter.dispose();
  const dispose = () => {
    for (const parameter of used) parameter.dispose();
    opened.checkpoint.close();
  };
  return { ...opened, network, dispose };
}

/** Throws an UnsupportedError where the family's network does not compute with such weights. */
export function refuseDtype({ family }: Pick<OpenModel, "family">, dtype: WeightDtype | undefined): void {
  if (dtype !== "int8" || family.servesInt8 === true) return;
  throw new UnsupportedError(`int8 weights are not served for ${family.name}; use dtype bfloat16 or auto`);
}

/** Before a byte of the weights is read. What is on a GPU is not this memory's. */
function refuseTooLarge(opened: OpenModel, options: LoadOptions): void {
  const { device = "cpu", dtype = "auto", available = availableMemory() } = options;
  if (device !== "cpu") return;
  const { bytes } = planStorage(tensorsOf(opened), dtype);
  if (bytes <= available) return;
  const smaller = (["bfloat16", "int8"] as const)
    .filter((other) => other !== "int8" || opened.family.servesInt8 === true)
    .map((other) => ({ other, bytes: planStorage(tensorsOf(opened), other).bytes }))
    .filter((one) => one.bytes < bytes);
  const fits = smaller.filter((one) => one.bytes <= available);
  const choices = fits.map((one) => `dtype ${one.other} (${gib(one.bytes)})`).join(" or ");
  const none = smaller.length > 0 ? ", as no smaller dtype would fit either" : "";
  const remedy = choices === "" ? `use a smaller model${none}` : `use ${choices}, or a smaller model`;
  throw new UnsupportedError(
    `${opened.folder}: the weights take ${gib(bytes)} of memory, ${gib(available)} are available; ${remedy}`,
    { weightBytes: bytes, availableBytes: available },
  );
}

const gib = (bytes: number): string =>
  bytes < 0.95 * 2 ** 30 ? `${Math.round(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** The parameters by name without prefix, outside every scope. */
export function readParameters(opened: OpenModel, options: LoadOptions = {}): Map<string, Tensor> {
  const { checkpoint, prefix, shapes } = opened;
  const { device = "cpu", dtype = "auto" } = options;
  const mapped = device === "cpu" && options.copy !== true && planStorage(tensorsOf(opened), dtype).asStored;
  if (mapped) checkpoint.readAhead();
  checkCopies(opened);
  const parameters = new Map<string, Tensor>();
  for (const [name, shape] of shapes) {
    scope(() => {
      const stored = checkpoint.tensor(prefix + name);
      if (dtype === "int8" && isQuantised(name, shape)) {
        for (const [part, value] of quantiseWeight(name, stored, device)) parameters.set(part, keep(value));
        return;
      }
      const target: Dtype = dtype === "auto" || dtype === "int8" ? stored.dtype : dtype;
      const converted = convert(stored, target, device);
      parameters.set(name, keep(!mapped && converted === stored ? clone(stored) : converted));
    });
    if (!mapped) checkpoint.close(); // and mapped again for the next one
  }
  if (!mapped) emptyCache(); // what converting took
  return parameters;
}

/** A second copy of a parameter that says something else: which one counts would be a guess. */
function checkCopies({ family, checkpoint, prefix, folder }: OpenModel): void {
  for (const [copy, original] of Object.entries(family.copies ?? {})) {
    for (const full of new Set([copy, prefix + copy])) {
      if (!checkpoint.names.includes(full)) continue;
      const same = scope(() => {
        const [one, other] = [checkpoint.tensor(full), checkpoint.tensor(prefix + original)];
        return one.dtype === other.dtype && one.shape.join() === other.shape.join() && equal(one, other);
      });
      if (same) continue;
      throw new CheckpointError(
        `${folder}: "${full}" is not the same as "${prefix + original}", to which ${family.name} ties it; the file is of another kind of model or damaged`,
      );
    }
  }
}
