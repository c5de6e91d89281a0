// Proposals from a network: the only forward pass of decoding.
//
// Logits are computed for candidates alone and reduced on the device to a few numbers each; one copy a forward reaches
// the host. A token is drawn from one uniform number a column, whose coordinates are (seed, token stream, sequence,
// forward, column): batch and device do not change it.
//
// Sequences that are fed whole go through the network together, padded on the right if it takes padding, else with
// those of their length; those that have caches behind each other in one row, if it takes segments, else alone. Each may
// have options of its own: what changes the forward itself (guidance, who sees whom) decides who goes together. Where
// row p of the logits predicts column p + 1 (Dream), the row before a candidate is read (feed.ts); `released` fidelity
// reads the candidate's own row where the one before it is in the cache, as the published decoders do.
//
// Letters: R sequences of one forward, L columns fed, N candidates, V vocabulary, M tokens drawn for a candidate.

import type { Device, ProductDtype, Tensor } from "@unmask/torch";
import type { Canvas } from "../decode/canvas.ts";
import type { Proposal, Proposer, Request } from "../decode/policies/policy.ts";
import type { Sampling } from "../decode/sampling.ts";
import type { ForwardOptions, Network } from "../models/family.ts";
import type { KeyValueCache } from "../models/parts/cache.ts";
import { prefixBounds } from "./feed.ts";
import { type Asked, type ForwardContext, forward, identity } from "./forward.ts";
import type { PrefixCache } from "./prefix-cache.ts";
import { type Standing, standingOf, stillStands } from "./proposal.ts";

/** What a proposer needs of a network. */
export type Denoiser = Pick<Network, "logits"> & Partial<Pick<Network, "createCache">>;

/** What is the same for all sequences of a proposer. */
export interface NetworkOptions {
  readonly products?: ProductDtype | undefined;
  /** Row p of the logits predicts column p + shift. */
  readonly shift?: 0 | 1 | undefined;
  readonly device?: Device | undefined;
  /** The network leaves padding out, so that sequences of different lengths may share a batch; false by default. */
  readonly takesPadding?: boolean | undefined;
  /** The network takes segments, so that cached sequences may share a forward; false by default. */
  readonly takesSegments?: boolean | undefined;
  /** Most columns that go through the network at once, in one batch. */
  readonly batchColumns?: number | undefined;
  /** Keys and values of beginnings that were seen before. */
  readonly prefixes?: PrefixCache | undefined;
  /** Told of every forward. */
  readonly onForward?: ((forward: ForwardFacts) => void) | undefined;
  /** Told how many columns of a sequence were found among the prefixes, where they were looked for. */
  readonly onPrefix?: ((canvas: Canvas, columns: number) => void) | undefined;
}

export interface ForwardFacts {
  /** Sequences, and columns in all. */
  readonly rows: number;
  readonly positions: number;
}

/** How the proposals of one sequence are made. */
export interface ProposalOptions {
  readonly seed: number;
  readonly sampling?: Sampling | undefined;
  /** float32 [V], below 0 at tokens that may never be drawn and 0 elsewhere. */
  readonly forbidden?: Tensor | undefined;
  readonly needsMargin?: boolean | undefined;
  /** Most probable tokens that each proposal lists; 0 by default. */
  readonly top?: number | undefined;
  /** Reads the candidate's own row where the row before it is in the cache. */
  readonly ownRowAtBoundary?: boolean | undefined;
  /** How the fed columns see each other; the network's own way by default. */
  readonly visibility?: ForwardOptions["visibility"];
  /** The network is told the noise level of the plan; 0 by default. */
  readonly tellsNoise?: boolean | undefined;
  readonly guide?: Guide | undefined;
  /** Draws int64 [N] or [N, M] from probabilities [N, V] for the reference's own random numbers. */
  readonly draw?: ((probability_NV: Tensor, requests: readonly Request[]) => Tensor) | undefined;
}

export interface ProposerOptions extends NetworkOptions, ProposalOptions {}

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
export const modelProposer = (network: Denoiser, options: ProposerOptions): Proposer =>
  sharedProposer(network, options, () => options);

/** The same, for canvases with options of their own. */
export function sharedProposer(
  network: Denoiser,
  options: NetworkOptions,
  optionsOf: (canvas: Canvas) => ProposalOptions,
): Proposer {
  const caches = new Map<Canvas, KeyValueCache>();
  const last = new Map<Canvas, Standing>();
  const prefixed = new Map<Canvas, number>();
  const context: ForwardContext = { ...options, caches, prefixed };
  return {
    propose(requests) {
      const proposals = requests.map((request) => stillStands(last.get(request.canvas), request));
      const asked = requests.map((request): Asked => ({ ...request, options: optionsOf(request.canvas) }));
      let pending = requests.flatMap((_, i) => (proposals[i] === undefined ? [i] : []));
      while (pending.length > 0) {
        const [now, later] = leaders(asked, pending, context);
        for (const group of groups(asked, now, options)) {
          const members = group.map((i) => asked[i]!);
          const answers = forward(network, members, context);
          group.forEach((i, k) => {
            proposals[i] = answers[k]!;
            const { canvas, plan } = requests[i]!;
            if (plan.reuse === true) last.set(canvas, standingOf(requests[i]!, answers[k]!));
          });
        }
        pending = later;
      }
      return proposals as Proposal[];
    },
    finish(canvas) {
      const [cache, blockLength] = [caches.get(canvas), prefixed.get(canvas)];
      if (cache !== undefined && blockLength !== undefined) {
        options.prefixes?.store(cache, canvas.ids, blockLength);
      }
      cache?.dispose();
      caches.delete(canvas);
      prefixed.delete(canvas);
      last.delete(canvas);
    },
  };
}

/** Those that begin alike wait for the first of them, and find in the cache of prefixes what it computed. */
function leaders(
  asked: readonly Asked[],
  pending: readonly number[],
  { prefixes, caches, shift }: ForwardContext,
): [number[], number[]] {
  const [now, later]: [number[], number[]] = [[], []];
  const led = new Set<string>();
  for (const i of pending) {
    const { canvas, options } = asked[i]!;
    const bounds = caches.has(canvas) ? undefined : prefixBounds(asked[i]!, options.visibility, shift);
    const missing = bounds && prefixes?.missing(canvas.ids, bounds);
    if (missing !== undefined && led.has(missing)) later.push(i);
    else now.push(i);
    if (missing !== undefined) led.add(missing);
  }
  return [now, later];
}

/** Requests that go through the network together, up to a number of columns. */
function groups(asked: readonly Asked[], pending: readonly number[], options: NetworkOptions): number[][] {
  const { batchColumns = 1 << 15 } = options;
  const result: number[][] = [];
  const filling = new Map<string, { members: number[]; longest: number; columns: number }>();
  for (const i of pending) {
    const { plan } = asked[i]!;
    const key = companyOf(asked[i]!, options);
    const length = plan.to - plan.from;
    const group = key === undefined ? undefined : filling.get(key);
    const longest = Math.max(group?.longest ?? 0, length);
    const columns = (group?.columns ?? 0) + length;
    const isPacked = plan.cache !== undefined;
    const most = group === undefined ? 0 : isPacked ? columns : longest * (group.members.length + 1);
    if (group !== undefined && most <= batchColumns) {
      group.members.push(i);
      group.longest = longest;
      group.columns = columns;
    } else {
      const members = [i];
      result.push(members);
      if (key !== undefined) filling.set(key, { members, longest: length, columns: length });
    }
  }
  return result;
}

/** Requests that say the same may share a forward; undefined for those that go alone. */
function companyOf({ plan, options }: Asked, shared: NetworkOptions): string | undefined {
  const { visibility, guide, tellsNoise = false } = options;
  if (plan.cache !== undefined) {
    return shared.takesSegments === true && guide === undefined ? "packed" : undefined;
  }
  if (plan.sees !== undefined) return undefined;
  if (visibility?.kind === "explicit") return undefined;
  const length = shared.takesPadding === true ? 0 : plan.to - plan.from;
  return JSON.stringify([length, visibility, identity(guide), tellsNoise]);
}
