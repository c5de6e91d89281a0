// What a model family is: facts read from a checkpoint's files, names and shapes of its weights, and a network.
//
// A family is one file and one line in the table (families.ts). Nothing outside it may know a family's name: decoders
// ask the facts, and networks answer one call.
//
// Letters: B rows, L positions fed, K keys seen, V vocabulary, N picked positions.

import type { ProductDtype, Recompute, Tensor } from "@unmask/torch";
import type { HeadRows } from "../diffusion/head-chunks.ts";
import type { KeyValueCache } from "./parts/cache.ts";
import type { Start } from "./parts/start.ts";
import type { Visibility } from "./parts/visibility.ts";

export type { HeadRows } from "../diffusion/head-chunks.ts";

/** What decoding must know of a model. Ids lie inside the vocabulary. */
export interface Facts {
  /** Name of the family's line in the table. */
  readonly family: string;
  /** Columns of the logits. */
  readonly vocabularySize: number;
  /** The token that absorbing noise puts at a position; absent where the family has none, or the tokenizer says. */
  readonly maskId?: number | undefined;
  /** Tokens that end a text, the most usual first. */
  readonly endIds: readonly number[];
  readonly padId?: number | undefined;
  readonly beginId?: number | undefined;
  /** Row p of the logits predicts position p + shift: 1 for Dream. Position 0 is then predicted from row 0. */
  readonly shift: 0 | 1;
  /** Positions of a block, where the network sees block by block. */
  readonly blockLength?: number | undefined;
  /** Longest sequence it was made for. */
  readonly contextLength: number;
  /** Every row begins with a given token that is never noised (MDLM's ignore_bos). */
  readonly givenBegin?: boolean | undefined;
  /** Keeps no keys and values: every forward computes every position. */
  readonly recomputes?: boolean | undefined;
  /** Trained on texts of exactly contextLength tokens. */
  readonly fillsContext?: boolean | undefined;
  /** Causal networks score text; they fill in none. */
  readonly denoises: boolean;
}

/** How a forward uses a cache of keys and values. */
export interface CacheUse {
  readonly cache: KeyValueCache;
  /**
   * Column of the first fed position. At the cache's end (the default) the fed positions are appended; before it they
   * replace what the cache holds there, and the rest of the cache is seen as it is.
   */
  readonly at?: number | undefined;
  /**
   * How many of the appended positions stay in the cache: all by default, 0 to look only. Positions that replace
   * cached ones stay.
   */
  readonly keep?: number | undefined;
}

/** A run of positions of the one row fed that is a sequence of its own. */
export interface Segment {
  readonly length: number;
  /** Who sees whom in it; the family's own by default. */
  readonly visibility?: Visibility | undefined;
  /** A cache of one row. */
  readonly cache?: CacheUse | undefined;
  /** Place of its first position for rotary tables: 0, or the cache column, by default. */
  readonly place?: number | undefined;
}

export interface ForwardOptions {
  /** dtype of matrix products: float32 by default. A bfloat16 checkpoint with bfloat16 products stays bfloat16. */
  readonly products?: ProductDtype | undefined;
  /** int64 [L] or [B, L]: places for rotary or learned positions; from 0, or from the cache column, by default. */
  readonly positions?: Tensor | undefined;
  /** Who sees whom; the family's own by default. */
  readonly visibility?: Visibility | undefined;
  /** bool [B, K], true for real tokens: padding is seen by nobody. Covers cached positions too. */
  readonly padding?: Tensor | undefined;
  readonly cache?: CacheUse | undefined;
  /**
   * The row fed, [1, L], is several sequences behind each other that see nothing of one another. Stands instead of
   * positions, visibility, padding and cache; not beside recompute.
   */
  readonly segments?: readonly Segment[] | undefined;
  /** float32 [B], the noise level of each row, for networks that are told; 0 by default. */
  readonly sigma_B?: Tensor | undefined;
  /**
   * Training with less memory: of each layer only the input is kept, and recompute.finish() after backward() runs it
   * again for its gradients, which are the same. Not beside a cache; hiddenStates() keeps all, and so do networks that
   * only judge (GPT-2).
   */
  readonly recompute?: Recompute | undefined;
}

export interface CacheOptions {
  readonly rows: number;
  /** Positions to make room for at first; it grows. */
  readonly capacity: number;
  /** As in the forwards that will use it. */
  readonly products?: ProductDtype | undefined;
}

export interface Network {
  /** Trained tensors by name without prefix; an int8 weight has its scale beside it under `<name>_scale`. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /**
   * Raw float logits, all columns: [B, L, V] for ids int64 [B, L], or [N, V] for `rows_N` alone (int64 indices into
   * the flattened B · L). float32, or float64 for float64 weights.
   */
  logits(ids_BL: Tensor, rows_N?: Tensor, options?: ForwardOptions): Tensor;
  /**
   * What logits() would multiply, for losses that never make logits whole (diffusion/row-statistics.ts): the head has a
   * gradient where its weight or adapter wants one. Throws an UnsupportedError for int8 weights. Absent where networks are
   * not trained.
   */
  headRows?(ids_BL: Tensor, rows_N: Tensor, options?: ForwardOptions): HeadRows;
  /** [embedding, after each layer …, after the final norm], each [B, L, D]. */
  hiddenStates(ids_BL: Tensor, options?: ForwardOptions): Tensor[];
  /** An empty cache; throws an UnsupportedError where the family has none. */
  createCache(options: CacheOptions): KeyValueCache;
}

/** What a forward of a network may be given besides ids. */
export type ForwardInput = "padding" | "positions" | "segments" | "sigma";

/** Sizes of a network's forward, for estimates of its memory. */
export interface NetworkSizes {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headSize: number;
  readonly innerSize: number;
  /** "gated": silu(gate) · up; "plain": gelu of one product. */
  readonly mlp: "gated" | "plain";
  /** Queries, keys and values are one product. */
  readonly packed: boolean;
  readonly headNorms: boolean;
  readonly norm: "rms" | "layer";
  /** Numbers of every position and layer are rotated by tables of the stream's dtype, of float32, or not at all. */
  readonly rotary: "stream" | "float32" | "none";
  /** Bias of the scores, where not all see all. */
  readonly biased: boolean;
}

/** Sizes and tokens of a network that is to be trained from nothing. */
export interface FreshSizes {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  /** Longest sequence. */
  readonly length: number;
  readonly maskId: number;
  /** Tokens that end a text, the most usual first. */
  readonly endIds: readonly number[];
  /** The first end by default. */
  readonly padId?: number | undefined;
  /** Heads of keys and values: as many as heads by default. */
  readonly keyHeads?: number | undefined;
  /** hiddenSize / heads by default. */
  readonly headSize?: number | undefined;
  /** Of the MLP: 3 · hiddenSize by default. */
  readonly innerSize?: number | undefined;
  /** Positions of a block: 4 by default. */
  readonly blockLength?: number | undefined;
  /** The head is the embedding; it is not by default. */
  readonly tied?: boolean | undefined;
  /** Of MDLM's conditioning: a quarter of the hidden size by default. */
  readonly conditionSize?: number | undefined;
  /** Every row begins with a given token that is never noised; it does not by default. */
  readonly givenBegin?: boolean | undefined;
}

/** With every default; `padId` where there is an end. */
export type FullSizes = { readonly [Size in keyof FreshSizes]-?: NonNullable<FreshSizes[Size]> };

/** How a family's networks begin. */
export interface FreshFamily<Config> {
  /** Sizes it has besides those that are required and padId. */
  readonly takes: readonly (keyof FreshSizes)[];
  /** config.json and generation_config.json, as the published code writes and reads them. */
  files(sizes: FullSizes): { config: Record<string, unknown>; generation?: Record<string, unknown> };
  /** Numbers of a parameter, as the published code and `raw` (config.json) say. */
  start(config: Config, raw: RawConfig, parameter: { name: string; shape: readonly number[] }): Start;
}

/** One line of the table. `Config` is the family's own reading of config.json. */
export interface Family<Config = unknown> {
  readonly name: string;
  /** Values of config.json's model_type that mean this family. */
  readonly modelTypes: readonly string[];
  /** For a config.json without model_type. */
  recognises?(raw: Readonly<Record<string, unknown>>): boolean;
  /** Reads and checks config.json; `raw` says where it came from for messages. Throws a CheckpointError. */
  readConfig(raw: RawConfig): Config;
  /** `generation` is generation_config.json, or empty. */
  facts(config: Config, generation: RawConfig): Facts;
  /** Names, without prefix, and shapes of every trained parameter, in the checkpoint's order. */
  shapes(config: Config): Map<string, number[]>;
  /** Prefixes that files put before the names, the usual one first; "" for none. */
  readonly prefixes: readonly string[];
  /** Tensors in files that are no parameters (buffers): kept for saving, not used. */
  isBuffer?(name: string): boolean;
  /** Names that files may hold a parameter under a second time: equal on loading, written alike on saving. */
  readonly copies?: Readonly<Record<string, string>>;
  create(config: Config, parameters: ReadonlyMap<string, Tensor>): Network;
  /**
   * As create(), without what is constant in generation: the same logits, fewer parameters. Shares tensors with
   * `parameters`. Absent where there is nothing to fold.
   */
  fold?(config: Config, parameters: ReadonlyMap<string, Tensor>): Network;
  /** For estimates; absent where the family keeps no cache. */
  cacheShape?(config: Config): { layers: number; keyHeads: number; headSize: number };
  sizes(config: Config): NetworkSizes;
  readonly inputs: readonly ForwardInput[];
  /** Positions count real tokens: 0 at the first, and 1 for padding, as the published code has it. */
  readonly positionsSkipPadding?: boolean;
  /** Its network computes with int8 weights. */
  readonly servesInt8?: boolean;
  /** Absent where networks are not trained. */
  readonly fresh?: FreshFamily<Config>;
}

/** A JSON object of a checkpoint and its path. */
export interface RawConfig {
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
}
