// Proposals from a network: the only forward pass of decoding.
//
// Logits are computed for candidates alone and reduced on the device to a few numbers each; one copy a forward reaches
// the host. A token is drawn from one uniform number a column, whose coordinates are (seed, token stream, sequence,
// forward, column): batch and device do not change it.
//
// Sequences that are fed whole go through the network together, padded on the right if it takes padding, else with
// those of their length; a sequence with a cache has one of its own and goes alone. Where row p of the logits predicts
// column p + 1 (Dream), the row before a candidate is read (feed.ts); `released` fidelity reads the candidate's own row
// where the one before it is in the cache, as the published decoders do.
//
// Letters: R sequences of one forward, L columns fed, N candidates, V vocabulary, M tokens drawn for a candidate.

import {
  type Device,
  noGrad,
  type ProductDtype,
  scope,
  type Tensor,
  tensor,
  toTypedArray,
} from "@unmask/torch";
import type { Canvas } from "../decode/canvas.ts";
import type { Proposal, Proposer, Request } from "../decode/policies/policy.ts";
import type { Sampling } from "../decode/sampling.ts";
import type { ForwardOptions, Network } from "../models/family.ts";
import type { KeyValueCache } from "../models/parts/cache.ts";
import { feedOf, tensorsOf } from "./feed.ts";
import { drawsOf, type Standing, split, standingOf, stillStands, uniformsOf } from "./proposal.ts";
import { reduce } from "./sample.ts";

/** What a proposer needs of a network. */
export type Denoiser = Pick<Network, "logits"> & Partial<Pick<Network, "createCache">>;

export interface ProposerOptions {
  readonly seed: number;
  readonly sampling?: Sampling | undefined;
  /** float32 [V], below 0 at tokens that may never be drawn and 0 elsewhere. */
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
  /** The network leaves padding out, so that sequences of different lengths may share a batch; false by default. */
  readonly takesPadding?: boolean | undefined;
  /** The network is told the noise level of the plan; 0 by default. */
  readonly tellsNoise?: boolean | undefined;
  readonly guide?: Guide | undefined;
  /** Draws int64 [N] or [N, M] from probabilities [N, V] for the reference's own random numbers. */
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

/** A proposer over a network. Serves any number of canvases; finish() frees what it holds for one. */
export function modelProposer(network: Denoiser, options: ProposerOptions): Proposer {
  const caches = new Map<Canvas, KeyValueCache>();
  const last = new Map<Canvas, Standing>();
  return {
    propose(requests) {
      const proposals = requests.map((request) => stillStands(last.get(request.canvas), request));
      const pending = requests.flatMap((_, i) => (proposals[i] === undefined ? [i] : []));
      for (const group of groups(requests, pending, options)) {
        const members = group.map((i) => requests[i]!);
        const answers = forward(network, members, { ...options, caches });
        group.forEach((i, k) => {
          proposals[i] = answers[k]!;
          const { canvas, plan } = requests[i]!;
          if (plan.reuse === true) last.set(canvas, standingOf(requests[i]!, answers[k]!));
        });
      }
      return proposals as Proposal[];
    },
    finish(canvas) {
      caches.get(canvas)?.dispose();
      caches.delete(canvas);
      last.delete(canvas);
    },
  };
}

/**
 * Requests that go through the network together: those without a cache that see in the network's own way, up to a
 * number of padded columns.
 */
function groups(
  requests: readonly Request[],
  pending: readonly number[],
  { batchColumns = 1 << 15, takesPadding = false }: ProposerOptions,
): number[][] {
  const result: number[][] = [];
  const filling = new Map<number, { members: number[]; longest: number }>();
  for (const i of pending) {
    const { plan } = requests[i]!;
    if (plan.cache !== undefined || plan.sees !== undefined) {
      result.push([i]);
      continue;
    }
    const length = plan.to - plan.from;
    const key = takesPadding ? 0 : length;
    const group = filling.get(key);
    const longest = Math.max(group?.longest ?? 0, length);
    if (group !== undefined && longest * (group.members.length + 1) <= batchColumns) {
      group.members.push(i);
      group.longest = longest;
    } else {
      const members = [i];
      result.push(members);
      filling.set(key, { members, longest: length });
    }
  }
  return result;
}

type ForwardContext = ProposerOptions & { readonly caches: Map<Canvas, KeyValueCache> };

function forward(network: Denoiser, requests: readonly Request[], context: ForwardContext): Proposal[] {
  const fed = requests.map((request) => feedOf(network, request, context));
  for (const { canvas } of requests) canvas.forwards++;
  const draws = drawsOf(requests);
  const { device, shift = 0, tellsNoise = false } = context;
  const values = scope(() =>
    noGrad(() => {
      const { ids_RL, rows_N, ...inputs } = tensorsOf(requests, fed, { device, shift, tellsNoise });
      const options: ForwardOptions = {
        ...inputs,
        products: context.products,
        visibility: requests[0]!.plan.sees ?? context.visibility,
        cache: fed[0]!.cache,
      };
      if (rows_N.size === 0) {
        network.logits(ids_RL, rows_N, options);
        return new Float64Array(0);
      }
      const logits_NV =
        context.guide?.({ network, ids_RL, rows_N, requests, options }) ??
        network.logits(ids_RL, rows_N, options);
      return toTypedArray(reduceOf(logits_NV, requests, { ...context, draws }));
    }),
  ) as Float64Array;
  return split(values, requests, draws);
}

function reduceOf(
  logits_NV: Tensor,
  requests: readonly Request[],
  { sampling = {}, seed, draws, draw, forbidden, needsMargin = false }: ProposerOptions & { draws: number },
): Tensor {
  const { device } = logits_NV;
  const draws_NM = () => tensor(uniformsOf(requests, seed, draws), [logits_NV.shape[0]!, draws], { device });
  return reduce(logits_NV, {
    sampling,
    needsMargin,
    forbidden_V: forbidden,
    uniforms_NM: sampling.temperature === 0 || draw !== undefined ? undefined : draws_NM(),
    draw: draw === undefined ? undefined : (probability_NV) => draw(probability_NV, requests),
  });
}
