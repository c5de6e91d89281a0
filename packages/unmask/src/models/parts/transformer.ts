// The transformer that LLaDA, Dream and SDAR share (Llama's): a family describes it, this file computes it.
//
//   x = E[ids]
//   a = RMSNorm(x);  x += W_o attention(rotary(norm_q(W_q a)), rotary(norm_k(W_k a)), W_v a)
//   m = RMSNorm(x);  x += W_down (silu(W_gate m) · W_up m)
//   logits = W_head RMSNorm(x)
//
// Norms and softmax run in float32 whatever the products run in.
// Letters: B rows, L fed positions, D hidden, H heads, G key heads, E head size, V vocabulary, N picked rows.

import {
  add,
  attention,
  convert,
  type Dtype,
  indexSelect,
  item,
  max,
  mul,
  mul_,
  type ProductDtype,
  permute,
  reshape,
  rmsNorm,
  rotate,
  scope,
  silu,
  type Tensor,
  tensor,
} from "@unmask/torch";
import type { HeadRows } from "../../diffusion/head-chunks.ts";
import type { CacheOptions, ForwardOptions, Network, NetworkSizes } from "../family.ts";
import { KeyValueCache } from "./cache.ts";
import { type PlannedCache, planCache } from "./cache-use.ts";
import { RotaryTables } from "./rotary.ts";
import { attendSegments, type PlannedSegment, placesOf, planSegments } from "./segments.ts";
import { attentionBias, type Visibility } from "./visibility.ts";
import { Weights } from "./weights.ts";

/** Sizes and variants, as config.json gives them. */
export interface Architecture {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headSize: number;
  readonly innerSize: number;
  readonly normEpsilon: number;
  readonly rotaryBase: number;
  /** Rotary tables, and the rotation, in float32 or in what flows between the layers. */
  readonly rotaryPrecision: "float32" | "stream";
  /** RMSNorm of every head's queries and keys before the rotation. */
  readonly headNorms: boolean;
  readonly projectionBias: boolean;
  /** The head is the embedding. */
  readonly tied: boolean;
  readonly contextLength: number;
  readonly visibility: Visibility;
  readonly names: Names;
}

/** Full names of the layers in the checkpoint, without ".weight" and ".bias". */
export interface Names {
  readonly embedding: string;
  readonly finalNorm: string;
  readonly head: string;
  /** Before a layer's own names, for layer i. */
  readonly layer: (i: number) => string;
  readonly attentionNorm: string;
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly output: string;
  readonly queryNorm: string;
  readonly keyNorm: string;
  readonly innerNorm: string;
  readonly gate: string;
  readonly up: string;
  readonly down: string;
}

/** Names and shapes of every parameter, in the order of the layers. */
export function transformerShapes(architecture: Architecture): Map<string, number[]> {
  const { vocabularySize: V, hiddenSize: D, innerSize: F, headSize: E, names } = architecture;
  const [Q, K] = [architecture.heads * E, architecture.keyHeads * E];
  const shapes: [string, number[]][] = [[`${names.embedding}.weight`, [V, D]]];
  const bias = (name: string, size: number): [string, number[]][] =>
    architecture.projectionBias ? [[`${name}.bias`, [size]]] : [];
  for (let i = 0; i < architecture.layers; i++) {
    const at = (name: string) => `${names.layer(i)}.${name}`;
    shapes.push([`${at(names.attentionNorm)}.weight`, [D]]);
    shapes.push([`${at(names.query)}.weight`, [Q, D]], ...bias(at(names.query), Q));
    shapes.push([`${at(names.key)}.weight`, [K, D]], ...bias(at(names.key), K));
    shapes.push([`${at(names.value)}.weight`, [K, D]], ...bias(at(names.value), K));
    shapes.push([`${at(names.output)}.weight`, [D, Q]]);
    if (architecture.headNorms) {
      shapes.push([`${at(names.queryNorm)}.weight`, [E]], [`${at(names.keyNorm)}.weight`, [E]]);
    }
    shapes.push([`${at(names.innerNorm)}.weight`, [D]]);
    shapes.push([`${at(names.gate)}.weight`, [F, D]], [`${at(names.up)}.weight`, [F, D]]);
    shapes.push([`${at(names.down)}.weight`, [D, F]]);
  }
  shapes.push([`${names.finalNorm}.weight`, [D]]);
  if (!architecture.tied) shapes.push([`${names.head}.weight`, [V, D]]);
  return new Map(shapes);
}

export const transformerSizes = (architecture: Architecture): NetworkSizes => {
  const { layers, hiddenSize, heads, keyHeads, headSize, innerSize, headNorms } = architecture;
  return {
    ...{ layers, hiddenSize, heads, keyHeads, headSize, innerSize, headNorms },
    mlp: "gated",
    packed: false,
    norm: "rms",
    rotary: architecture.rotaryPrecision,
    biased: architecture.visibility.kind !== "full",
  };
};

/** What is the same for all layers of one forward. */
interface Pass {
  readonly products: ProductDtype;
  readonly cos: Tensor;
  readonly sin: Tensor;
  readonly sight: Sight;
  /** Places in the flattened B · L whose results the last layer gives; all by default. */
  readonly rows_N?: Tensor | undefined;
}

/** Who sees what: one description for all rows, or one for each of several sequences in the one row. */
type Sight =
  | { readonly segments?: undefined; readonly bias: Tensor | undefined; readonly use: PlannedCache }
  | { readonly segments: readonly PlannedSegment[] };

interface Outputs {
  readonly rows_N?: Tensor | undefined;
  /** Gets the embedding and what every layer gives. */
  readonly states?: Tensor[] | undefined;
}

export class Transformer implements Network {
  readonly architecture: Architecture;
  readonly weights: Weights;
  private readonly rotary: RotaryTables;

  constructor(architecture: Architecture, parameters: ReadonlyMap<string, Tensor>) {
    this.architecture = architecture;
    this.weights = new Weights(parameters);
    this.rotary = new RotaryTables(architecture.headSize, architecture.rotaryBase);
  }

  get parameters(): ReadonlyMap<string, Tensor> {
    return this.weights.parameters;
  }

  logits(ids_BL: Tensor, rows_N?: Tensor, options: ForwardOptions = {}): Tensor {
    const hidden = this.trunk(ids_BL, options, { rows_N });
    const logits = this.weights.linear(hidden, this.headLayer, options.products ?? "float32");
    return logits.dtype === "bfloat16" ? convert(logits, "float32", undefined) : logits;
  }

  headRows(ids_BL: Tensor, rows_N: Tensor, options: ForwardOptions = {}): HeadRows {
    const head = { weight_VD: this.weights.whole(this.headLayer) };
    return { hidden_ND: this.trunk(ids_BL, options, { rows_N }), head };
  }

  private get headLayer(): string {
    const { names, tied } = this.architecture;
    return tied ? names.embedding : names.head;
  }

  hiddenStates(ids_BL: Tensor, options: ForwardOptions = {}): Tensor[] {
    const states: Tensor[] = [];
    const last = this.trunk(ids_BL, options, { states });
    return [...states, last];
  }

  createCache({ rows, capacity, products = "float32" }: CacheOptions): KeyValueCache {
    const { layers, keyHeads, headSize, names } = this.architecture;
    const { device } = this.weights.get(`${names.embedding}.weight`);
    const dtype = this.cacheDtype(products);
    return new KeyValueCache({ layers, rows, keyHeads, headSize, capacity, dtype, device });
  }

  /** Keys and values have the products' dtype (float64 stays). */
  private cacheDtype(products: ProductDtype): Dtype {
    const { dtype } = this.weights.get(`${this.architecture.names.embedding}.weight`);
    return dtype === "float64" ? "float64" : products;
  }

  /** What the head gets, [B, L, D], or [N, D] of picked rows: past the last attention the others are left out. */
  private trunk(ids_BL: Tensor, options: ForwardOptions, { rows_N, states }: Outputs): Tensor {
    const products = options.products ?? "float32";
    const { names, layers } = this.architecture;
    const table = `${names.embedding}.weight`;
    let x = scope(() => this.weights.embed(ids_BL, table, this.weights.streamDtype(table, products)));
    const pass = this.plan(x, { ...options, rows_N }, products);
    const blocks = Array.from({ length: layers }, (_, i) => (hidden: Tensor) => this.layer(i, hidden, pass));
    blocks.push((hidden) => this.norm(hidden, names.finalNorm));
    if (options.recompute !== undefined && states === undefined) {
      return options.recompute.through(blocks, x);
    }
    for (const block of blocks) {
      const before = x;
      states?.push(before);
      x = block(before);
      if (states === undefined) before.dispose();
    }
    const { sight } = pass;
    for (const { use } of sight.segments ?? [sight]) use.finish();
    return x;
  }

  /** Places, visibility and cache of a forward, checked. */
  private plan(
    x_BLD: Tensor,
    options: ForwardOptions & { rows_N: Tensor | undefined },
    products: ProductDtype,
  ): Pass {
    const like =
      this.architecture.rotaryPrecision === "float32" && x_BLD.dtype === "bfloat16"
        ? convert(x_BLD, "float32", undefined)
        : x_BLD;
    const hold = (one: Tensor | undefined) => one && (options.recompute?.hold(one) ?? one);
    const { sight, places } = this.look(x_BLD, options, like);
    const [cos, sin] = [hold(places.cos)!, hold(places.sin)!];
    const held = sight.segments === undefined ? { ...sight, bias: hold(sight.bias) } : sight;
    return { products, sight: held, cos, sin, rows_N: hold(options.rows_N) };
  }

  /** Who sees what, and the rotary tables of the fed positions in `like`'s dtype. */
  private look(
    x_BLD: Tensor,
    options: ForwardOptions,
    like: Tensor,
  ): { sight: Sight; places: { cos: Tensor; sin: Tensor } } {
    const [B, L] = x_BLD.shape as [number, number, number];
    const { device } = x_BLD;
    const own = this.architecture.visibility;
    if (options.segments !== undefined) {
      const shape = [B, L] as const;
      const segments = planSegments(options.segments, options, { shape, device, visibility: own });
      const fed = placesOf(segments);
      const at = tensor(fed, undefined, { dtype: "int64", device });
      return { sight: { segments }, places: this.rotary.at(at, Math.max(...fed) + 1, like) };
    }
    const use = planCache(options, [B, L]);
    const { at, keys } = use;
    checkShape("padding", options.padding, [B, keys]);
    const columns = { at, queries: L, keys, device };
    const bias = scope(() => attentionBias(options.visibility ?? own, columns, options.padding));
    const { positions } = options;
    const places =
      positions === undefined
        ? this.rotary.range(at, L, like)
        : this.rotary.at(positions, item(max(positions)) + 1, like);
    return { sight: { use, bias }, places };
  }

  /** Each half in a scope of its own: what it made is freed at once, as far as autograd does not hold it. */
  private layer(i: number, x_BLD: Tensor, pass: Pass): Tensor {
    const { names, layers } = this.architecture;
    const prefix = names.layer(i);
    const rows_N = i === layers - 1 ? pass.rows_N : undefined;
    const middle_BLD = scope(() => {
      const mixed = this.attend(i, this.norm(x_BLD, `${prefix}.${names.attentionNorm}`), pass);
      const [own, picked] = [x_BLD, mixed].map((one) => pick(one, rows_N)) as [Tensor, Tensor];
      return add(own, this.weights.linear(picked, `${prefix}.${names.output}`, pass.products));
    });
    return scope(() => {
      const normal = this.norm(middle_BLD, `${prefix}.${names.innerNorm}`);
      const gate = this.weights.linear(normal, `${prefix}.${names.gate}`, pass.products);
      const up = this.weights.linear(normal, `${prefix}.${names.up}`, pass.products);
      const inner = product(silu(gate), up);
      const result = add(middle_BLD, this.weights.linear(inner, `${prefix}.${names.down}`, pass.products));
      middle_BLD.dispose();
      return result;
    });
  }

  private attend(i: number, normal_BLD: Tensor, pass: Pass): Tensor {
    const { names, heads, keyHeads, headNorms } = this.architecture;
    const prefix = names.layer(i);
    const project = (name: string, count: number) => {
      const flat = this.weights.linear(normal_BLD, `${prefix}.${name}`, pass.products);
      return reshape(flat, [...flat.shape.slice(0, 2), count, -1]);
    };
    const turned = (name: string, count: number, norm: string) => {
      const projected = project(name, count);
      const ready = headNorms ? this.norm(projected, `${prefix}.${norm}`) : projected;
      return rotateAs(permute(ready, [0, 2, 1, 3]), pass);
    };
    const query_BHLE = turned(names.query, heads, names.queryNorm);
    const fed = {
      keys: turned(names.key, keyHeads, names.keyNorm),
      values: permute(project(names.value, keyHeads), [0, 2, 1, 3]),
    };
    const mixed_BHLE = look(i, query_BHLE, fed, pass.sight);
    const [B, H, L, E] = mixed_BHLE.shape as [number, number, number, number];
    return reshape(permute(mixed_BHLE, [0, 2, 1, 3]), [B, L, H * E]);
  }

  private norm(x: Tensor, name: string): Tensor {
    return rmsNorm(x, this.weights.get(`${name}.weight`), this.architecture.normEpsilon);
  }
}

/** Attention of layer `i` to what was fed and what is cached. */
function look(i: number, query_BHLE: Tensor, fed: { keys: Tensor; values: Tensor }, sight: Sight): Tensor {
  if (sight.segments !== undefined) return attendSegments(i, query_BHLE, fed, sight.segments);
  const { keys, values } = sight.use.write(i, fed);
  return attention(query_BHLE, keys, values, { bias: sight.bias });
}

/** Rotates in the tables' dtype, which may be wider than x's, and casts back. */
function rotateAs(x: Tensor, { cos, sin }: Pick<Pass, "cos" | "sin">): Tensor {
  return convert(rotate(convert(x, cos.dtype, undefined), cos, sin), x.dtype, undefined);
}

/** [B, L, D] -> [N, D]; the same tensor if no rows are picked. */
const pick = (x_BLD: Tensor, rows_N: Tensor | undefined): Tensor =>
  rows_N === undefined ? x_BLD : indexSelect(reshape(x_BLD, [-1, x_BLD.shape.at(-1)!]), 0, rows_N);

/** own · other, written over `own` where no gradient needs it. */
const product = (own: Tensor, other: Tensor): Tensor =>
  own.requiresGrad || other.requiresGrad ? mul(own, other) : mul_(own, other);

function checkShape(what: string, value: Tensor | undefined, shape: readonly number[]): void {
  if (value === undefined || value.shape.join() === shape.join()) return;
  throw new RangeError(`${what} must be [${shape.join(", ")}], got ${value.describe()}`);
}
