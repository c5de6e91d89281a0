// A forward without its arithmetic: the tensors that one makes and frees, in order, on a ledger. It follows
// transformer.ts, gpt2.ts and mdlm.ts, attention and linear layers of @unmask/torch; a test holds it against runs.
//
// Letters: B rows, L fed positions, D hidden, H heads, G key heads, E head size, F inner, V vocabulary.

import type { NetworkSizes } from "../family.ts";
import type { Ledger } from "./ledger.ts";

export interface RehearsalOptions {
  readonly rows: number;
  readonly length: number;
  readonly vocabularySize: number;
  /** Bytes of a number: of what flows between the layers, of the products, and of the matrices as they are stored. */
  readonly stream: number;
  readonly products: number;
  readonly stored: number;
  /** Attention makes no scores: libtorch's own kernel. */
  readonly fusedAttention: boolean;
}

/** Values converted or scores computed at a time, as in linear.ts and attention.ts. */
const blockValues = 1 << 21;
const blockScores = 1 << 24;
const wide = 4;

/** Sizes of the blocks of rows in which a matrix is converted: the full one, and what is left over. */
export function blockRows(rows: number, columns: number): number[] {
  const step = Math.max(1, Math.floor(blockValues / columns));
  return rows <= step ? [rows] : [step, rows % step].filter((count) => count > 0);
}

/** Takes what a forward takes; what is left living is the logits. Returns their bytes. */
export function rehearse(ledger: Ledger, sizes: NetworkSizes, options: RehearsalOptions): number {
  const { rows: B, length: L, vocabularySize: V, stream, products, stored } = options;
  const { hiddenSize: D, headSize: E } = sizes;
  const n = B * L;
  const act = new Acts(ledger, sizes, options);
  ledger.take(8 * n);
  let x = ledger.scope(() => {
    const rows = ledger.take(stored * n * D);
    const own = stored === stream ? rows : ledger.take(stream * n * D);
    if (stored === 1) return ledger.take(stream * n * D);
    return sizes.rotary === "none" ? ledger.take(stream * n * D) : own;
  });
  if (sizes.biased) {
    ledger.scope(() => {
      for (let i = 0; i < 3; i++) ledger.take(L * L);
      return ledger.take(wide * L * L);
    });
  }
  if (sizes.rotary !== "none") act.tables(Math.max(L, 64) * (E / 2));
  const width = Math.max(stream, products);
  for (let i = 0; i < Math.min(sizes.layers, 2); i++) {
    const middle = ledger.scope(() => {
      act.attentionHalf();
      return ledger.take(width * n * D);
    });
    const after = ledger.scope(() => {
      act.mlpHalf();
      return ledger.take(width * n * D);
    });
    ledger.drop(middle);
    ledger.drop(x);
    x = after;
  }
  act.norm(n, D, sizes.norm, stream);
  ledger.drop(x);
  act.linear(n, D, V);
  if (products < wide) ledger.take(wide * n * V);
  return Math.max(products, wide) * n * V;
}

class Acts {
  private readonly ledger: Ledger;
  private readonly sizes: NetworkSizes;
  private readonly options: RehearsalOptions;

  constructor(ledger: Ledger, sizes: NetworkSizes, options: RehearsalOptions) {
    this.ledger = ledger;
    this.sizes = sizes;
    this.options = options;
  }

  /** Angles, their cosines and sines. */
  tables(count: number): void {
    this.ledger.take(8 * count); // the values' own array
    for (let i = 0; i < 3; i++) this.ledger.take(wide * count);
  }

  attentionHalf(): void {
    const { ledger, sizes, options } = this;
    const { hiddenSize: D, heads: H, keyHeads: G, headSize: E, rotary } = sizes;
    const { rows: B, length: L, products } = options;
    const n = B * L;
    this.norm(n, D, sizes.norm, options.stream);
    if (sizes.packed) this.linear(n, D, 3 * D);
    else for (const heads of [H, G, G]) this.linear(n, D, heads * E);
    for (const heads of [H, G]) {
      if (sizes.headNorms) this.norm(n * heads, E, "rms", products);
      if (rotary !== "none") this.rotate(n * heads * E, rotary === "float32" ? wide : products);
    }
    this.attention();
    ledger.take(products * n * H * E); // positions before heads again
    this.linear(n, H * E, D);
  }

  mlpHalf(): void {
    const { ledger, sizes, options } = this;
    const { hiddenSize: D, innerSize: F } = sizes;
    const n = options.rows * options.length;
    this.norm(n, D, sizes.norm, options.stream);
    this.linear(n, D, F);
    if (sizes.mlp === "gated") this.linear(n, D, F);
    ledger.take(options.products * n * F); // silu or gelu
    this.linear(n, F, D);
  }

  /** `count` vectors of `size` numbers. */
  norm(count: number, size: number, kind: "rms" | "layer", bytes: number): void {
    const { ledger } = this;
    if (bytes < wide) ledger.take(wide * count * size);
    if (kind === "layer") {
      ledger.take(Math.max(bytes, wide) * count * size);
      return;
    }
    for (let i = 0; i < 5; i++) ledger.take(wide * count);
    ledger.take(Math.max(bytes, wide) * count * size);
    if (bytes < wide) ledger.take(bytes * count * size);
    ledger.take(bytes * count * size);
  }

  linear(count: number, inputs: number, outputs: number): void {
    const { ledger } = this;
    const { stream, products, stored } = this.options;
    if (stream !== products) ledger.take(products * count * inputs);
    const converts = stored !== products;
    if (converts && (stored === 1 || inputs * outputs > blockValues)) {
      ledger.scope(() => {
        const result = ledger.take(products * count * outputs);
        ledger.take(products * Math.max(blockValues, inputs));
        return result;
      });
      return;
    }
    if (converts) ledger.take(products * inputs * outputs);
    ledger.take(products * count * outputs);
  }

  /** Four halves and both joined, in the tables' dtype. */
  private rotate(numbers: number, bytes: number): void {
    const { ledger } = this;
    const { products } = this.options;
    if (bytes !== products) ledger.take(bytes * numbers);
    for (let i = 0; i < 4; i++) ledger.take((bytes * numbers) / 2);
    ledger.take(bytes * numbers);
    if (bytes !== products) ledger.take(products * numbers);
  }

  private attention(): void {
    const { ledger, sizes, options } = this;
    const { heads: H, keyHeads: G, headSize: E } = sizes;
    const { rows: B, length: L, products, fusedAttention } = options;
    const result = products * B * H * L * E;
    if (fusedAttention) {
      ledger.take(result);
      return;
    }
    const queries = (H / G) * L;
    if (sizes.biased && G < H) ledger.take(wide * queries * L);
    const scores = queries * L;
    if (B * G * scores <= blockScores) {
      this.mix(B, G, queries);
      return;
    }
    const rows = Math.max(1, Math.floor(blockScores / (G * scores)));
    const heads = rows > 1 ? G : Math.max(1, Math.min(G, Math.floor(blockScores / scores)));
    ledger.take(result);
    for (const someRows of [Math.min(rows, B), B % rows]) {
      for (const someHeads of [heads, G % heads]) {
        if (someRows * someHeads > 0) ledger.discard(() => this.mix(someRows, someHeads, queries));
      }
    }
  }

  private mix(rows: number, heads: number, queries: number): void {
    const { ledger, sizes, options } = this;
    const { headSize: E } = sizes;
    const { length: L, products } = options;
    const scores = rows * heads * queries * L;
    const several = rows > 1;
    ledger.scope(() => {
      ledger.scope(() => {
        ledger.take(products * rows * heads * queries * E);
        ledger.discard(() => {
          if (!several || sizes.rotary !== "none") return;
          ledger.take(products * rows * heads * queries * E);
          ledger.take(products * rows * heads * L * E);
        });
        ledger.take(products * scores);
        if (products < wide) ledger.take(wide * scores);
        const softmax = ledger.take(Math.max(products, wide) * scores);
        return products < wide ? ledger.take(products * scores) : softmax;
      });
      ledger.discard(() => {
        if (several) ledger.take(products * rows * heads * L * E);
      });
      return ledger.take(products * rows * heads * queries * E);
    });
  }
}
