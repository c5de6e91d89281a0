// One forward of the network for several sequences, and its logits reduced to proposals. Options that only touch the
// reduction (sampling, seed, forbidden tokens …) may differ from sequence to sequence.
//
// Letters: N candidates, V vocabulary, M tokens drawn for a candidate.

import { narrow, noGrad, scope, type Tensor, tensor, toTypedArray } from "@unmask/torch";
import type { Canvas } from "../decode/canvas.ts";
import type { Proposal, Request } from "../decode/policies/policy.ts";
import type { ForwardOptions } from "../models/family.ts";
import type { KeyValueCache } from "../models/parts/cache.ts";
import { type Fed, feedOf, packedTensors, prefixBounds, tensorsOf } from "./feed.ts";
import { drawsOf, split, uniformsOf } from "./proposal.ts";
import type { Denoiser, NetworkOptions, ProposalOptions } from "./propose.ts";
import { reduce } from "./sample.ts";

/** A request and how its proposal is made. */
export interface Asked extends Request {
  readonly options: ProposalOptions;
}

export interface ForwardContext extends NetworkOptions {
  readonly caches: Map<Canvas, KeyValueCache>;
  /** Block length of sequences whose cached columns are a prefix of their text, to be held for others. */
  readonly prefixed: Map<Canvas, number>;
}

/** Proposals in the order of the requests. Those of more than one cached sequence are packed into one row. */
export function forward(network: Denoiser, asked: readonly Asked[], context: ForwardContext): Proposal[] {
  const fed = asked.map((one) => feedOf(network, one, { ...context, ...one.options }));
  for (const { canvas } of asked) canvas.forwards++;
  const parts = partsOf(asked);
  const order = parts.flat();
  const ordered = order.map((i) => asked[i]!);
  const values = scope(() =>
    noGrad(() => {
      const logits_NV = logitsOf(network, ordered, { fed: order.map((i) => fed[i]!), context });
      if (logits_NV === undefined) return parts.map(() => new Float64Array(0));
      let start = 0;
      return parts.map((part) => {
        const members = part.map((i) => asked[i]!);
        const count = members.reduce((sum, { plan }) => sum + plan.candidates.length, 0);
        const own_NV = count === logits_NV.shape[0] ? logits_NV : narrow(logits_NV, 0, start, count);
        start += count;
        if (count === 0) return new Float64Array(0);
        return toTypedArray(reduceOf(own_NV, members)) as Float64Array;
      });
    }),
  );
  context.onForward?.({ rows: asked.length, positions: fed.reduce((sum, { length }) => sum + length, 0) });
  for (const one of asked) storePrefix(one, context);
  const proposals: Proposal[] = [];
  parts.forEach((part, p) => {
    const members = part.map((i) => asked[i]!);
    const cut = split(values[p]!, members, { draws: drawsOf(members), top: topOf(members) });
    part.forEach((i, k) => {
      proposals[i] = cut[k]!;
    });
  });
  return proposals;
}

/** A beginning that was just computed is held for others at once; what comes behind it when the text is done. */
function storePrefix({ canvas, plan, options }: Asked, context: ForwardContext): void {
  const { caches, prefixes, prefixed, shift } = context;
  if (prefixes === undefined) return;
  const bounds = prefixBounds({ canvas, plan }, options.visibility, shift);
  if (bounds === undefined) prefixed.delete(canvas);
  else if (plan.from === 0) {
    prefixed.set(canvas, bounds.blockLength);
    prefixes.store(caches.get(canvas)!, canvas.ids, bounds.blockLength);
  }
}

/** Float logits [N, V] of all candidates; undefined if there are none. */
function logitsOf(
  network: Denoiser,
  asked: readonly Asked[],
  { fed, context }: { fed: readonly Fed[]; context: ForwardContext },
): Tensor | undefined {
  const { device, shift = 0, products } = context;
  const { guide, tellsNoise = false, visibility } = asked[0]!.options;
  if (asked.length > 1 && fed[0]!.cache !== undefined) {
    const { ids_1T, rows_N, segments } = packedTensors(asked, fed, { device, shift });
    const logits = network.logits(ids_1T, rows_N, { products, segments });
    return rows_N.size === 0 ? undefined : logits;
  }
  const { ids_RL, rows_N, ...inputs } = tensorsOf(asked, fed, { device, shift, tellsNoise });
  const options: ForwardOptions = {
    ...inputs,
    products,
    visibility: asked[0]!.plan.sees ?? visibility,
    cache: fed[0]!.cache,
  };
  if (rows_N.size === 0) {
    network.logits(ids_RL, rows_N, options);
    return undefined;
  }
  return (
    guide?.({ network, ids_RL, rows_N, requests: asked, options }) ?? network.logits(ids_RL, rows_N, options)
  );
}

/** Indices of the requests whose logits are reduced together, in order of their first. */
function partsOf(asked: readonly Asked[]): number[][] {
  const parts = new Map<string, number[]>();
  asked.forEach(({ options, plan }, i) => {
    const { sampling, needsMargin, forbidden, draw, top = 0 } = options;
    const key = JSON.stringify([
      ...[sampling, needsMargin, top, plan.draws, plan.allowed !== undefined],
      ...[identity(forbidden), identity(draw)],
    ]);
    parts.set(key, [...(parts.get(key) ?? []), i]);
  });
  return [...parts.values()];
}

const identities = new WeakMap<object, number>();
let identified = 0;

/** A number of an object's own, for keys. */
export function identity(value: object | undefined): number {
  if (value === undefined) return -1;
  let number = identities.get(value);
  if (number === undefined) {
    number = identified++;
    identities.set(value, number);
  }
  return number;
}

const topOf = ([first]: readonly Asked[]): number => first!.options.top ?? 0;

/** Requests with the same options, but for the seed. */
function reduceOf(logits_NV: Tensor, asked: readonly Asked[]): Tensor {
  const { sampling = {}, draw, forbidden, needsMargin = false } = asked[0]!.options;
  const { device } = logits_NV;
  const [N, V] = logits_NV.shape as [number, number];
  const draws = drawsOf(asked);
  const seeds = asked.map(({ options }) => options.seed);
  const draws_NM = () => tensor(uniformsOf(asked, seeds, draws), [N, draws], { device });
  return reduce(logits_NV, {
    sampling,
    needsMargin,
    forbidden_V: forbidden,
    barred_NV: barredOf(asked, logits_NV),
    top: Math.min(topOf(asked), V),
    uniforms_NM: sampling.temperature === 0 || draw !== undefined ? undefined : draws_NM(),
    draw: draw === undefined ? undefined : (probability_NV) => draw(probability_NV, asked),
  });
}

/** bool [N, V], true at what the plans do not allow; undefined where they allow all. */
function barredOf(asked: readonly Request[], logits_NV: Tensor): Tensor | undefined {
  if (asked.every(({ plan }) => plan.allowed === undefined)) return undefined;
  const [N, V] = logits_NV.shape as [number, number];
  const barred = new Uint8Array(N * V);
  let row = 0;
  for (const { plan } of asked) {
    for (let i = 0; i < plan.candidates.length; i++, row++) {
      const allowed = plan.allowed?.[i];
      if (allowed === undefined) continue;
      for (let token = 0; token < V; token++) {
        barred[row * V + token] = 1 - ((allowed[token >>> 5]! >>> (token & 31)) & 1);
      }
    }
  }
  return tensor(barred, [N, V], { dtype: "bool", device: logits_NV.device });
}
