// Proposals from a network: the only forward pass of decoding.
//
// Logits are computed for candidates alone and reduced on the device to a few numbers each; one copy a forward reaches
// the host. A token is drawn from one uniform number a column, whose coordinates are (seed, token stream, sequence,
// forward, column): batch and device do not change it.
//
// Sequences that are fed whole go through the network together, padded on the right; a sequence with a cache has one
// of its own and goes alone. Where row p of the logits predicts column p + 1 (Dream), the row before a candidate is
// read; if it is not fed because it lies in the cache, it is taken back out of the cache and fed again. `released`
// fidelity reads the candidate's own row there, as the published decoders do.
//
// Letters: R sequences of one forward, L columns fed, N candidates, V vocabulary.

import {
  cat,
  type Device,
  narrow,
  noGrad,
  type ProductDtype,
  scope,
  type Tensor,
  tensor,
  toTypedArray,
} from "@unmask/torch";
import { UnmaskError } from "../base/errors.ts";
import { generator, streams } from "../base/rng.ts";
import type { CacheUse, ForwardOptions, Network } from "../models/family.ts";
import type { KeyValueCache } from "../models/parts/cache.ts";
import type { Canvas } from "./canvas.ts";
import type { Proposal, Proposer, Request } from "./policies/policy.ts";
import { forbid, reduce, reduced, type Sampling } from "./sample.ts";

/** What a proposer needs of a network. */
export type Denoiser = Pick<Network, "logits"> & Partial<Pick<Network, "createCache">>;

export interface ProposerOptions {
  readonly seed: number;
  readonly sampling?: Sampling | undefined;
  /** Added to every row of logits, float32 [V]: removes the tokens that may never be drawn. */
  readonly forbidden?: Tensor | undefined;
  readonly needsMargin?: boolean | undefined;
  readonly products?: ProductDtype | undefined;
  /** Row p of the logits predicts column p + shift. */
  readonly shift?: 0 | 1 | undefined;
  readonly device?: Device | undefined;
  /** Reads the candidate's own row where the row before it is in the cache. */
  readonly ownRowAtBoundary?: boolean | undefined;
  /** How the fed columns see each other; the network's own way by default. */
  readonly visibility?: ForwardOptions["visibility"];
  readonly guide?: Guide | undefined;
  /** Draws int64 [N] from probabilities [N, V] for the reference's own random numbers. */
  readonly draw?: ((probability_NV: Tensor, requests: readonly Request[]) => Tensor) | undefined;
  /** Most columns that go through the network at once, in one batch. */
  readonly batchColumns?: number | undefined;
}

/** Makes the logits [N, V] of a forward in the network's place, from the same inputs: guidance. */
export type Guide = (forward: GuidedForward) => Tensor;

export interface GuidedForward {
  readonly network: Denoiser;
  readonly ids_RL: Tensor;
  readonly rows_N: Tensor;
  readonly requests: readonly Request[];
  readonly options: ForwardOptions;
}

/** Logits reduced at a time: 256 MB of float32, several of which live at once. */
const chunkValues = 1 << 26;

/** A proposer over a network. Serves any number of canvases; finish() frees what it holds for one. */
export function modelProposer(network: Denoiser, options: ProposerOptions): Proposer {
  const caches = new Map<Canvas, KeyValueCache>();
  const last = new Map<Canvas, { closed: number; proposal: Proposal }>();
  return {
    propose(requests) {
      const proposals = new Array<Proposal>(requests.length);
      const pending: number[] = [];
      requests.forEach(({ canvas, plan }, i) => {
        const standing = plan.reuse === true ? last.get(canvas) : undefined;
        if (standing !== undefined && standing.closed === closedCount(canvas)) {
          proposals[i] = select(standing.proposal, plan.candidates);
        } else pending.push(i);
      });
      for (const group of groups(requests, pending, options.batchColumns)) {
        const members = group.map((i) => requests[i]!);
        const answers = forward(network, members, { ...options, caches });
        group.forEach((i, k) => {
          const { canvas, plan } = requests[i]!;
          proposals[i] = answers[k]!;
          if (plan.reuse === true) last.set(canvas, { closed: closedCount(canvas), proposal: answers[k]! });
        });
      }
      return proposals;
    },
    finish(canvas) {
      caches.get(canvas)?.dispose();
      caches.delete(canvas);
      last.delete(canvas);
    },
  };
}

const closedCount = (canvas: Canvas): number => canvas.open.reduce((sum, one) => sum - one, canvas.length);

/** The candidates' part of an earlier proposal. */
function select(proposal: Proposal, candidates: Int32Array): Proposal {
  const index = new Map(Array.from(proposal.columns, (column, i) => [column, i]));
  const at = Array.from(candidates, (column) => index.get(column)!);
  const pick = <A extends Int32Array | Float32Array>(values: A): A => {
    const Kind = values.constructor as new (source: number[]) => A;
    return new Kind(at.map((i) => values[i]!));
  };
  return {
    columns: candidates,
    token: pick(proposal.token),
    probability: pick(proposal.probability),
    entropy: pick(proposal.entropy),
    margin: pick(proposal.margin),
    plainProbability: pick(proposal.plainProbability),
    plainEntropy: pick(proposal.plainEntropy),
    best: pick(proposal.best),
  };
}

/**
 * Requests that go through the network together: those without a cache that see in the network's own way, up to a
 * number of padded columns.
 */
function groups(
  requests: readonly Request[],
  pending: readonly number[],
  batchColumns = 1 << 15,
): number[][] {
  const result: number[][] = [];
  let open: number[] = [];
  let longest = 0;
  for (const i of pending) {
    const { plan } = requests[i]!;
    if (plan.cache !== undefined || plan.sees !== undefined) {
      result.push([i]);
      continue;
    }
    const length = Math.max(longest, plan.to - plan.from);
    if (open.length > 0 && length * (open.length + 1) > batchColumns) {
      result.push(open);
      [open, longest] = [[i], plan.to - plan.from];
    } else {
      open.push(i);
      longest = length;
    }
  }
  return open.length > 0 ? [...result, open] : result;
}

type ForwardContext = ProposerOptions & { readonly caches: Map<Canvas, KeyValueCache> };

/** What is really fed of a request: the plan, and one column more where a shifted row is needed from the cache. */
interface Fed {
  readonly from: number;
  readonly length: number;
  readonly cache: (CacheUse & { cache: KeyValueCache }) | undefined;
}

function forward(network: Denoiser, requests: readonly Request[], context: ForwardContext): Proposal[] {
  const fed = requests.map((request) => feedOf(network, request, context));
  for (const { canvas } of requests) canvas.forwards++;
  const columns = Math.max(...fed.map(({ length }) => length));
  const values = scope(() =>
    noGrad(() => {
      const inputs = tensorsOf(requests, fed, { columns, device: context.device, shift: context.shift ?? 0 });
      const options: ForwardOptions = {
        products: context.products,
        visibility: requests[0]!.plan.sees ?? context.visibility,
        padding: inputs.padding,
        cache: fed[0]!.cache,
        positions: inputs.positions,
      };
      const { ids_RL, rows_N } = inputs;
      const guide = rows_N.size === 0 ? undefined : context.guide;
      const logits_NV =
        guide?.({ network, ids_RL, rows_N, requests, options }) ?? network.logits(ids_RL, rows_N, options);
      if (rows_N.size === 0) return new Float64Array(0);
      return toTypedArray(reduceInChunks(forbid(logits_NV, context.forbidden), requests, context));
    }),
  ) as Float64Array;
  return split(values, requests);
}

function feedOf(network: Denoiser, { canvas, plan }: Request, context: ForwardContext): Fed {
  const length = plan.to - plan.from;
  if (plan.cache === undefined) return { from: plan.from, length, cache: undefined };
  let cache = context.caches.get(canvas);
  if (cache === undefined) {
    if (network.createCache === undefined) throw new Error("the network keeps no cache");
    cache = network.createCache({ rows: 1, capacity: canvas.length, products: context.products });
    context.caches.set(canvas, cache);
  }
  const { truncate, at, keep } = plan.cache;
  if (truncate !== undefined) cache.truncate(Math.min(truncate, cache.length));
  const first = plan.candidates[0];
  const needsRowBefore =
    context.shift === 1 && context.ownRowAtBoundary !== true && first === plan.from && plan.from > 0;
  if (!needsRowBefore) return { from: plan.from, length, cache: { cache, at, keep } };
  if (at !== undefined)
    return { from: plan.from - 1, length: length + 1, cache: { cache, at: at - 1, keep } };
  cache.truncate(cache.length - 1);
  return { from: plan.from - 1, length: length + 1, cache: { cache, keep: keep + 1 } };
}

interface Layout {
  readonly columns: number;
  readonly device: Device | undefined;
  readonly shift: 0 | 1;
}

/** Ids, the rows of the logits that are wanted, padding where lengths differ, places where they do not start at 0. */
function tensorsOf(requests: readonly Request[], fed: readonly Fed[], layout: Layout) {
  const { columns, device, shift } = layout;
  const ids = new BigInt64Array(requests.length * columns);
  const real = new Uint8Array(requests.length * columns);
  const rows: bigint[] = [];
  requests.forEach(({ canvas, plan }, r) => {
    const { from, length } = fed[r]!;
    for (let i = 0; i < length; i++) ids[r * columns + i] = BigInt(canvas.ids[from + i]!);
    real.fill(1, r * columns, r * columns + length);
    // The first column of all has no row before it and is read from its own.
    for (const column of plan.candidates) rows.push(BigInt(r * columns + Math.max(column - shift - from, 0)));
  });
  const isPadded = real.includes(0);
  const [first] = fed as [Fed];
  const place = (i: number) => BigInt(first.from + i);
  const cached = first.cache;
  const startsElsewhere = cached !== undefined && first.from !== (cached.at ?? cached.cache.length);
  return {
    ids_RL: tensor(ids, [requests.length, columns], { device }),
    rows_N: tensor(BigInt64Array.from(rows), undefined, { device }),
    padding: isPadded ? tensor(real, [requests.length, columns], { dtype: "bool", device }) : undefined,
    positions: startsElsewhere
      ? tensor(
          BigInt64Array.from({ length: columns }, (_, i) => place(i)),
          undefined,
          { device },
        )
      : undefined,
  };
}

/** Reduces rows in chunks, so that the copies of a large vocabulary fit. */
function reduceInChunks(logits_NV: Tensor, requests: readonly Request[], context: ForwardContext): Tensor {
  const [N, V] = logits_NV.shape as [number, number];
  const sampling = context.sampling ?? {};
  const { device } = logits_NV;
  const uniforms = sampling.temperature === 0 ? undefined : uniformsOf(requests, context.seed);
  const { draw } = context;
  const drawing = draw === undefined ? undefined : (probability_NV: Tensor) => draw(probability_NV, requests);
  const rows = drawing === undefined ? Math.max(1, Math.floor(chunkValues / V)) : N;
  const parts: Tensor[] = [];
  for (let start = 0; start < N; start += rows) {
    const count = Math.min(rows, N - start);
    const part = scope(() =>
      reduce(rows >= N ? logits_NV : narrow(logits_NV, 0, start, count), {
        sampling,
        uniforms_N:
          uniforms === undefined
            ? undefined
            : tensor(uniforms.subarray(start, start + count), undefined, { device }),
        needsMargin: context.needsMargin === true,
        draw: drawing,
      }),
    );
    parts.push(part);
  }
  return parts.length === 1 ? parts[0]! : cat(parts);
}

/** One uniform number a candidate, in the order of the rows. */
function uniformsOf(requests: readonly Request[], seed: number): Float64Array {
  const uniforms: number[] = [];
  for (const { canvas, plan } of requests) {
    const step = canvas.forwards - 1;
    const next = generator({ seed, stream: streams.token, sequence: canvas.sequence, step });
    const draws = Float64Array.from({ length: plan.to }, next);
    for (const column of plan.candidates) uniforms.push(draws[column]!);
  }
  return Float64Array.from(uniforms);
}

/** The reduced numbers [N, 7] cut into one proposal a request. */
function split(values: Float64Array, requests: readonly Request[]): Proposal[] {
  if (values.some(Number.isNaN)) {
    throw new UnmaskError(
      "the network's logits are not numbers; its weights are damaged, train or fetch them again",
    );
  }
  const width = reduced.length;
  let start = 0;
  return requests.map(({ plan }) => {
    const count = plan.candidates.length;
    const column = (name: (typeof reduced)[number]) => {
      const offset = reduced.indexOf(name);
      const first = start;
      return Float64Array.from({ length: count }, (_, i) => values[(first + i) * width + offset]!);
    };
    const proposal: Proposal = {
      columns: plan.candidates,
      token: Int32Array.from(column("token")),
      probability: Float32Array.from(column("probability")),
      entropy: Float32Array.from(column("entropy")),
      margin: Float32Array.from(column("margin")),
      plainProbability: Float32Array.from(column("plainProbability")),
      plainEntropy: Float32Array.from(column("plainEntropy")),
      best: Int32Array.from(column("best")),
    };
    start += count;
    return proposal;
  });
}
