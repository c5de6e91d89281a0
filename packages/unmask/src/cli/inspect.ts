// `unmask inspect model` and `unmask inspect estimate`: what a model is and what it will take, from the headers of its
// files. No weight is read, and a folder with config.json alone will do.

import { describe } from "../generate/load.ts";
import { type Estimate, estimateMemory } from "../models/estimate.ts";
import type { Facts } from "../models/family.ts";
import type { WeightDtype } from "../models/load.ts";
import { availableMemory, residentMemory } from "../models/memory.ts";
import { type ModelDescription, type OpenModel, parameterCount } from "../models/open.ts";
import { product, tensorsOf } from "../models/storage.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { checkDevice } from "./device.ts";
import { gigabytes } from "./numbers.ts";
import { groupTensors, type ListedTensor, renderGroups } from "./tensor-groups.ts";
import { hasColours, isLive, printable, type Styles, screenOf, styles } from "./terminal.ts";
import { modelOrUsual } from "./usual-model.ts";

const width = (): number => (isLive(process.stdout) ? screenOf(process.stdout).columns - 1 : 120);

/** Returns the exit code. */
export async function modelVerb(
  given: string | undefined,
  { json }: { readonly json?: boolean },
): Promise<number> {
  const source = modelOrUsual(given);
  const found = await describe(source);
  const tensors = listTensors(found.model);
  const style = styles(hasColours(process.stdout));
  const text = json
    ? JSON.stringify(modelFacts(source, { ...found, tensors }))
    : renderModel({ ...found, tensors }, style).join("\n");
  process.stdout.write(`${text}\n`);
  return 0;
}

interface Found {
  readonly model: ModelDescription | OpenModel;
  readonly facts: Facts;
  readonly tokenizer: Tokenizer | undefined;
  readonly tensors: readonly ListedTensor[];
}

/** Every tensor of the files in the order of the layers, or what config.json asks for. */
function listTensors(model: ModelDescription | OpenModel): ListedTensor[] {
  const { checkpoint, prefix } = model;
  const size = (dtype: string) => ({ float64: 8, float32: 4 })[dtype] ?? 2;
  const parameters = tensorsOf(model).map(({ name, shape, dtype }) => {
    const bytes = checkpoint?.info(prefix + name).bytes ?? product(shape) * size(dtype);
    return { name: prefix + name, shape, dtype, bytes, parameter: true };
  });
  const buffers = "buffers" in model ? model.buffers : [];
  const others = buffers.map((name) => ({ name, ...model.checkpoint!.info(name), parameter: false }));
  return [...parameters, ...others];
}

const totalBytes = (tensors: readonly ListedTensor[]) => tensors.reduce((sum, { bytes }) => sum + bytes, 0);

function byDtype(tensors: readonly ListedTensor[]) {
  const found: Record<string, { tensors: number; values: number; bytes: number }> = {};
  for (const { dtype, shape, bytes } of tensors) {
    found[dtype] ??= { tensors: 0, values: 0, bytes: 0 };
    const sums = found[dtype];
    sums.tensors++;
    sums.values += product(shape);
    sums.bytes += bytes;
  }
  return found;
}

function modelFacts(source: string, { model, facts, tokenizer, tensors }: Found) {
  const { maskId = null, endIds, padId = null, beginId = null } = facts;
  const token = (id: number | null) => (id === null ? null : (tokenizer?.idToToken(id) ?? null));
  const { layers, hiddenSize, heads, keyHeads, headSize, innerSize } = model.family.sizes(model.config);
  return {
    model: source,
    folder: model.folder,
    family: facts.family,
    facts: {
      vocabulary_size: facts.vocabularySize,
      context_length: facts.contextLength,
      mask_id: maskId,
      end_ids: endIds,
      pad_id: padId,
      begin_id: beginId,
      shift: facts.shift,
      block_length: facts.blockLength ?? null,
      denoises: facts.denoises,
    },
    tokens: { mask: token(maskId), end: endIds.map(token), pad: token(padId), begin: token(beginId) },
    sizes: {
      layers,
      hidden_size: hiddenSize,
      heads,
      key_heads: keyHeads,
      head_size: headSize,
      inner_size: innerSize,
    },
    parameters: parameterCount(model.shapes),
    weights: model.checkpoint !== undefined,
    bytes: totalBytes(tensors),
    dtypes: byDtype(tensors),
    tensors,
  };
}

function renderModel({ model, facts, tokenizer, tensors }: Found, style: Styles): string[] {
  const sizes = model.family.sizes(model.config);
  const token = (id: number | undefined): string => {
    if (id === undefined) return "none";
    const text = tokenizer?.idToToken(id);
    return text === undefined ? String(id) : `${id} ${style.dim(printable(text))}`;
  };
  const heads = sizes.keyHeads === sizes.heads ? "" : ` on ${sizes.keyHeads} key heads`;
  const count = parameterCount(model.shapes);
  const total = `${gigabytes(totalBytes(tensors))} ${Object.keys(byDtype(tensors)).join(", ")}`;
  const shift = facts.shift === 1 ? "1: logits of row p predict position p + 1" : "0";
  const rows: [string, string | undefined][] = [
    ["family", facts.denoises ? facts.family : `${facts.family}, which scores text and fills in none`],
    ["parameters", `${count.toLocaleString("en")}${count < 1e6 ? "" : ` (${millions(count)})`}`],
    ["weights", model.checkpoint === undefined ? `missing; they would be ${total}` : total],
    ["layers", `${sizes.layers} of ${sizes.hiddenSize}, inner ${sizes.innerSize}`],
    ["heads", `${sizes.heads} of ${sizes.headSize}${heads}`],
    ["vocabulary", `${facts.vocabularySize}${tokenizer === undefined ? ", no tokenizer here" : ""}`],
    ["context", `${facts.contextLength}`],
    ["mask", facts.denoises ? token(facts.maskId) : undefined],
    ["end", facts.endIds.length === 0 ? "none" : facts.endIds.map(token).join(", ")],
    ["padding", token(facts.padId)],
    ["shift", facts.denoises ? shift : undefined],
    ["block", facts.blockLength === undefined ? undefined : `${facts.blockLength} positions`],
  ];
  const lines = rows.filter(([, value]) => value !== undefined);
  const column = Math.max(...lines.map(([name]) => name.length));
  return [
    ...lines.map(([name, value]) => `${name.padEnd(column)}  ${value}`),
    "",
    ...renderGroups(groupTensors(tensors), width(), style),
  ];
}

const millions = (count: number): string =>
  count < 9.995e8 ? `${(count / 1e6).toFixed(1)} million` : `${(count / 1e9).toFixed(2)} billion`;

const usualLength = 1024;

export interface EstimateFlags {
  readonly batch: number;
  readonly length?: number;
  readonly device: string;
  readonly dtype: WeightDtype;
  readonly cache?: boolean;
  readonly json?: boolean;
}

/** Returns the exit code. */
export async function estimateVerb(given: string | undefined, flags: EstimateFlags): Promise<number> {
  const source = modelOrUsual(given);
  const { model } = await describe(source);
  const { batch, dtype, cache = false } = flags;
  const length = flags.length ?? Math.min(usualLength, model.facts.contextLength);
  const device = checkDevice(flags.device);
  const base = device === "cpu" ? await processMemory(dtype) : 0;
  const estimate = estimateMemory(model, { batch, length, device, dtype, cache, base });
  const available = device === "cpu" ? base + availableMemory() : null;
  if (flags.json) {
    const { weights, logits, activations, peak, products } = estimate;
    const request = { model: source, batch, length, device, dtype, products };
    const bytes = { weights, cache: estimate.cache, logits, activations, base, peak, available };
    process.stdout.write(`${JSON.stringify({ ...request, bytes })}\n`);
    return 0;
  }
  const what = `${batch} × ${length} positions, weights ${dtype}, products ${estimate.products}, on ${device}`;
  const smaller = dtype !== "int8" && model.family.servesInt8 === true ? ", or --dtype int8" : "";
  const remedy = `take fewer or shorter rows${smaller}`;
  process.stdout.write(`${[what, ...renderEstimate(estimate, { cache, available, remedy })].join("\n")}\n`);
  return 0;
}

/** What this process holds without a model: Node, libtorch, and the code that a forward makes them fetch. */
async function processMemory(dtype: WeightDtype): Promise<number> {
  const torch = await import("@unmask/torch");
  // What measures bfloat16 products stays in memory, and only a forward with such weights measures them.
  if (dtype === "bfloat16") torch.chooseProductDtype("cpu");
  torch.measureProduct("float32", 512, 1);
  torch.scope(() => {
    const x = torch.ones([1, 2, 8, 8]);
    const angles = torch.ones([8, 4]);
    const mixed = torch.attention(torch.rotate(x, angles, angles), x, x, { bias: torch.ones([1, 1, 8, 8]) });
    const normal = torch.layerNorm(torch.rmsNorm(mixed, torch.ones([8]), 1e-6), [8]);
    const rows = torch.indexSelect(torch.ones([8, 8]), 0, torch.arange(0, 8, { dtype: "int64" }));
    torch.add(
      torch.silu(normal),
      torch.gelu(torch.mixedLinear(rows, torch.ones([8, 8]), undefined, "float32")),
    );
  });
  return residentMemory();
}

function renderEstimate(
  estimate: Estimate,
  { cache, available, remedy }: { cache: boolean; available: number | null; remedy: string },
): string[] {
  const style = styles(hasColours(process.stdout));
  const rows: [string, number][] = [
    ["weights", estimate.weights],
    ...(cache ? [["cache", estimate.cache] as [string, number]] : []),
    ["logits", estimate.logits],
    ["activations", estimate.activations],
    ...(estimate.base > 0 ? [["process", estimate.base] as [string, number]] : []),
    ["peak", estimate.peak],
  ];
  const values = rows.map(([, bytes]) => gigabytes(bytes));
  const right = Math.max(...values.map((value) => value.length));
  const lines = rows.map(([name], i) => {
    const line = `${name.padEnd(11)}  ${values[i]!.padStart(right)}`;
    if (name !== "peak") return line;
    return style.bold(line) + (available === null ? "" : `  of ${gigabytes(available)} available`);
  });
  if (available === null || estimate.peak <= available) return lines;
  return [...lines, `${style.red("more than there is:")} ${remedy}`];
}
