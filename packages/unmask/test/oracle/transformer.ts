// The networks of llada, dream, sdar and gpt2 once more, in float64 and one number at a time, written from the
// description of the architectures and not from src/models: slow, and the truth for networks of any size.
//
// Names of weights are spelled out here a second time. Rows of positions of numbers; a matrix [out, in] is flat.

export type Row = number[];
/** Flat row-major values by the checkpoint's names. */
export type Values = ReadonlyMap<string, ArrayLike<number>>;

/** What one forward sees. */
export interface Scene {
  ids: number[][];
  /** [row][position]; 0, 1, 2 … by default. */
  positions?: number[][] | undefined;
  /** May this query of this row look at this key, by the structure alone. */
  sees: (query: number, key: number, row: number) => boolean;
  /** [row][position], true for real tokens. */
  real?: boolean[][] | undefined;
}

export interface Outcome {
  /** [row][position][V] */
  logits: Row[][];
  /** Embedding, after each layer …, after the final norm: [state][row][position][D] */
  states: Row[][][];
}

export interface LlamaSizes {
  layers: number;
  hidden: number;
  heads: number;
  keyHeads: number;
  headSize: number;
  epsilon: number;
  base: number;
  tied: boolean;
}

export interface Gpt2Sizes {
  layers: number;
  hidden: number;
  heads: number;
  epsilon: number;
}

const lladaNames = {
  embedding: "model.transformer.wte.weight",
  finalNorm: "model.transformer.ln_f.weight",
  head: "model.transformer.ff_out.weight",
  layer: "model.transformer.blocks.",
  parts: {
    norm1: "attn_norm",
    q: "q_proj",
    k: "k_proj",
    v: "v_proj",
    o: "attn_out",
    normQ: "none",
    normK: "none",
    norm2: "ff_norm",
    gate: "ff_proj",
    up: "up_proj",
    down: "ff_out",
  },
};

const qwenNames = {
  embedding: "model.embed_tokens.weight",
  finalNorm: "model.norm.weight",
  head: "lm_head.weight",
  layer: "model.layers.",
  parts: {
    norm1: "input_layernorm",
    q: "self_attn.q_proj",
    k: "self_attn.k_proj",
    v: "self_attn.v_proj",
    o: "self_attn.o_proj",
    normQ: "self_attn.q_norm",
    normK: "self_attn.k_norm",
    norm2: "post_attention_layernorm",
    gate: "mlp.gate_proj",
    up: "mlp.up_proj",
    down: "mlp.down_proj",
  },
};

/** Llama's network as LLaDA ("llada") or Qwen ("dream", "sdar") name its weights. */
export function llamaForward(family: string, sizes: LlamaSizes, values: Values, scene: Scene): Outcome {
  const names = family === "llada" ? lladaNames : qwenNames;
  const get = (name: string) => values.get(name)!;
  const tokenRow = (id: number) => rowOf(get(names.embedding), id, sizes.hidden);
  let hidden = scene.ids.map((row) => row.map(tokenRow));
  const states = [hidden];
  for (let i = 0; i < sizes.layers; i++) {
    const part = (which: keyof typeof names.parts) => `${names.layer}${i}.${names.parts[which]}`;
    const norm = (x: Row, which: keyof typeof names.parts) =>
      rootMeanSquareNorm(x, get(`${part(which)}.weight`), sizes.epsilon);
    const project = (x: Row, which: keyof typeof names.parts) =>
      affine(x, get(`${part(which)}.weight`), values.get(`${part(which)}.bias`));
    const hasHeadNorms = values.has(`${part("normQ")}.weight`);
    hidden = hidden.map((row, b) => {
      const place = (l: number) => scene.positions?.[b]?.[l] ?? l;
      const prepared = row.map((x, l) => {
        const a = norm(x, "norm1");
        const turn = (which: "q" | "k", normed: "normQ" | "normK") =>
          pieces(project(a, which), sizes.headSize).map((head) =>
            rotate(hasHeadNorms ? norm(head, normed) : head, place(l), sizes.base),
          );
        const v = pieces(project(a, "v"), sizes.headSize);
        return { q: turn("q", "normQ"), k: turn("k", "normK"), v };
      });
      return row.map((x, l) => {
        const mixed = prepared[l]!.q.flatMap((query, head) => {
          const group = Math.floor((head * sizes.keyHeads) / sizes.heads);
          const keys = prepared.map(({ k }) => k[group]!);
          return mixture(
            query,
            keys,
            prepared.map(({ v }) => v[group]!),
            visible(scene, b, l),
          );
        });
        const middle = plus(x, project(mixed, "o"));
        const m = norm(middle, "norm2");
        const gate = project(m, "gate");
        const up = project(m, "up");
        const inner = gate.map((one, f) => (one / (1 + Math.exp(-one))) * up[f]!);
        return plus(middle, project(inner, "down"));
      });
    });
    states.push(hidden);
  }
  const last = hidden.map((row) =>
    row.map((x) => rootMeanSquareNorm(x, get(names.finalNorm), sizes.epsilon)),
  );
  states.push(last);
  const head = get(sizes.tied ? names.embedding : names.head);
  return { logits: last.map((row) => row.map((x) => affine(x, head))), states };
}

/** GPT-2's network; weights of linear layers are stored [in, out]. */
export function gpt2Forward(sizes: Gpt2Sizes, values: Values, scene: Scene): Outcome {
  const get = (name: string) => values.get(name)!;
  const norm = (x: Row, name: string) =>
    layerNorm(x, { weight: get(`${name}.weight`), bias: get(`${name}.bias`), epsilon: sizes.epsilon });
  const project = (x: Row, name: string) => {
    const [weight, bias] = [get(`${name}.weight`), get(`${name}.bias`)];
    return Array.from({ length: bias.length }, (_, out) =>
      x.reduce((sum, one, input) => sum + one * weight[input * bias.length + out]!, bias[out]!),
    );
  };
  let hidden = scene.ids.map((row, b) =>
    row.map((id, l) => {
      const place = scene.positions?.[b]?.[l] ?? l;
      return plus(rowOf(get("wte.weight"), id, sizes.hidden), rowOf(get("wpe.weight"), place, sizes.hidden));
    }),
  );
  const states = [hidden];
  const width = sizes.hidden / sizes.heads;
  for (let i = 0; i < sizes.layers; i++) {
    hidden = hidden.map((row, b) => {
      const packed = row.map((x) => pieces(project(norm(x, `h.${i}.ln_1`), `h.${i}.attn.c_attn`), width));
      return row.map((x, l) => {
        const mixed = Array.from({ length: sizes.heads }, (_, head) => {
          const keys = packed.map((heads) => heads[sizes.heads + head]!);
          const vectors = packed.map((heads) => heads[2 * sizes.heads + head]!);
          return mixture(packed[l]![head]!, keys, vectors, visible(scene, b, l));
        }).flat();
        const middle = plus(x, project(mixed, `h.${i}.attn.c_proj`));
        const inner = project(norm(middle, `h.${i}.ln_2`), `h.${i}.mlp.c_fc`).map(geluTanh);
        return plus(middle, project(inner, `h.${i}.mlp.c_proj`));
      });
    });
    states.push(hidden);
  }
  const last = hidden.map((row) => row.map((x) => norm(x, "ln_f")));
  states.push(last);
  return { logits: last.map((row) => row.map((x) => affine(x, get("wte.weight")))), states };
}

/** Which keys a query looks at; one that may look at none looks at all. */
function visible({ ids, sees, real }: Scene, row: number, query: number): boolean[] {
  const flags = ids[row]!.map((_, key) => sees(query, key, row) && (real?.[row]?.[key] ?? true));
  return flags.includes(true) ? flags : flags.map(() => true);
}

/** Σ softmax(q · k / √E) v over the visible keys. */
function mixture(query: Row, keys: Row[], vectors: Row[], looked: boolean[]): Row {
  const scores = keys.map((key, l) =>
    looked[l] ? dot(query, key) / Math.sqrt(query.length) : Number.NEGATIVE_INFINITY,
  );
  const top = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - top));
  const total = weights.reduce((a, b) => a + b, 0);
  return query.map((_, e) => weights.reduce((sum, weight, l) => sum + (weight / total) * vectors[l]![e]!, 0));
}

/** Pairs (i, i + E/2) turn by position · base^(−2i/E). */
function rotate(x: Row, position: number, base: number): Row {
  const half = x.length / 2;
  return x.map((one, e) => {
    const i = e % half;
    const angle = position * base ** ((-2 * i) / x.length);
    const partner = e < half ? -x[e + half]! : x[e - half]!;
    return one * Math.cos(angle) + partner * Math.sin(angle);
  });
}

function rootMeanSquareNorm(x: Row, weight: ArrayLike<number>, epsilon: number): Row {
  const meanSquare = dot(x, x) / x.length;
  return x.map((one, d) => (one / Math.sqrt(meanSquare + epsilon)) * weight[d]!);
}

function layerNorm(
  x: Row,
  { weight, bias, epsilon }: { weight: ArrayLike<number>; bias: ArrayLike<number>; epsilon: number },
): Row {
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  const variance = x.reduce((sum, one) => sum + (one - mean) ** 2, 0) / x.length;
  return x.map((one, d) => ((one - mean) / Math.sqrt(variance + epsilon)) * weight[d]! + bias[d]!);
}

const geluTanh = (x: number): number =>
  0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

/** x through a weight [out, in], with or without a bias. */
function affine(x: Row, weight: ArrayLike<number>, bias?: ArrayLike<number>): Row {
  return Array.from({ length: weight.length / x.length }, (_, out) =>
    x.reduce((sum, one, input) => sum + one * weight[out * x.length + input]!, bias?.[out] ?? 0),
  );
}

const dot = (a: Row, b: Row): number => a.reduce((sum, one, i) => sum + one * b[i]!, 0);
const plus = (a: Row, b: Row): Row => a.map((one, i) => one + b[i]!);
const pieces = (x: Row, width: number): Row[] =>
  Array.from({ length: x.length / width }, (_, i) => x.slice(i * width, (i + 1) * width));
const rowOf = (table: ArrayLike<number>, row: number, width: number): Row =>
  Array.from({ length: width }, (_, d) => table[row * width + d]!);
