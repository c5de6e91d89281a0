// Proposals on the host: the uniform numbers that go to the device, and the few numbers that come back.

import { UnmaskError } from "../base/errors.ts";
import { fillUniform, streams } from "../base/rng.ts";
import type { Proposal, Request, TopTokens } from "../decode/policies/policy.ts";

/** How many tokens are drawn for each candidate. */
export const drawsOf = (requests: readonly Request[]): number =>
  Math.max(...requests.map(({ plan }) => plan.draws ?? 1));

/**
 * `draws` uniform numbers a candidate, in the order of the rows: draw j of a column has the position
 * j · canvas length + column. Each request has its seed.
 */
export function uniformsOf(
  requests: readonly Request[],
  seeds: readonly number[],
  draws: number,
): Float64Array {
  const count = requests.reduce((sum, { plan }) => sum + plan.candidates.length, 0);
  const uniforms = new Float64Array(count * draws);
  let row = 0;
  for (const [r, { canvas, plan }] of requests.entries()) {
    const seed = seeds[r]!;
    const { candidates } = plan;
    const first = candidates[0] ?? 0;
    const buffer = new Float64Array(candidates.length === 0 ? 0 : candidates.at(-1)! - first + 1);
    for (let j = 0; j < draws; j++) {
      const source = { seed, stream: streams.token };
      fillUniform(buffer, source, canvas.sequence, canvas.forwards - 1, j * canvas.length + first);
      candidates.forEach((column, i) => {
        uniforms[(row + i) * draws + j] = buffer[column - first]!;
      });
    }
    row += candidates.length;
  }
  return uniforms;
}

/** Numbers of a row before the drawn tokens behind the first. */
const width = 7;

export interface Reduced {
  /** Tokens drawn for each candidate (M). */
  readonly draws: number;
  /** Most probable tokens of each candidate (K). */
  readonly top: number;
}

/** The reduced numbers [N, 6 + M + 2 K], columns as in sample.ts, cut into one proposal a request. */
export function split(
  values: Float64Array,
  requests: readonly Request[],
  { draws, top }: Reduced,
): Proposal[] {
  if (values.some(Number.isNaN)) {
    throw new UnmaskError(
      "the network's logits are not numbers; its weights are damaged, train or fetch them again",
    );
  }
  const stride = width + draws - 1 + 2 * top;
  let start = 0;
  return requests.map(({ plan }) => {
    const N = plan.candidates.length;
    const first = start;
    start += N;
    const fill = <A extends Int32Array | Float32Array>(array: A, offset: number): A => {
      for (let i = 0; i < N; i++) array[i] = values[(first + i) * stride + offset]!;
      return array;
    };
    const token = fill(new Int32Array(N), 0);
    const others = Array.from({ length: (plan.draws ?? 1) - 1 }, (_, j) =>
      fill(new Int32Array(N), width + j),
    );
    const tops = <A extends Int32Array | Float32Array>(array: A, offset: number): A =>
      array.map((_, i) => {
        const row = first + Math.floor(i / top);
        return values[row * stride + width + draws - 1 + offset + (i % top)]!;
      }) as A;
    return {
      columns: plan.candidates,
      token,
      probability: fill(new Float32Array(N), 1),
      entropy: fill(new Float32Array(N), 2),
      plainProbability: fill(new Float32Array(N), 3),
      plainEntropy: fill(new Float32Array(N), 4),
      best: fill(new Int32Array(N), 5),
      margin: fill(new Float32Array(N), 6),
      ...(others.length === 0 ? {} : { draws: [token, ...others] }),
      ...(top === 0
        ? {}
        : {
            top: {
              count: top,
              token: tops(new Int32Array(N * top), 0),
              logprob: tops(new Float32Array(N * top), top),
            },
          }),
    };
  });
}

/** A proposal that may be used again, and what it was made from. */
export interface Standing {
  readonly ids: Int32Array;
  readonly from: number;
  readonly proposal: Proposal;
}

/** What a request's proposal was made from, to be kept with it. */
export const standingOf = ({ canvas, plan }: Request, proposal: Proposal): Standing => ({
  ids: canvas.ids.slice(plan.from, plan.to),
  from: plan.from,
  proposal,
});

/** The candidates' part of an earlier proposal; undefined if the network would see or be asked something else. */
export function stillStands(standing: Standing | undefined, { canvas, plan }: Request): Proposal | undefined {
  if (standing === undefined || plan.reuse !== true) return undefined;
  if (plan.draws !== undefined || plan.allowed !== undefined) return undefined;
  const { ids, from, proposal } = standing;
  if (from !== plan.from || ids.length !== plan.to - plan.from) return undefined;
  if (!ids.every((id, i) => id === canvas.ids[from + i])) return undefined;
  const index = new Map(Array.from(proposal.columns, (column, i) => [column, i]));
  const at = Array.from(plan.candidates, (column) => index.get(column));
  return at.includes(undefined) ? undefined : pick(proposal, plan.candidates, at as number[]);
}

function pick(proposal: Proposal, columns: Int32Array, at: readonly number[]): Proposal {
  const integers = (values: Int32Array) => Int32Array.from(at, (i) => values[i]!);
  const floats = (values: Float32Array) => Float32Array.from(at, (i) => values[i]!);
  const { top } = proposal;
  const flat = top && at.flatMap((i) => Array.from({ length: top.count }, (_, k) => i * top.count + k));
  return {
    columns,
    ...(top === undefined ? {} : { top: pickTop(top, flat!) }),
    token: integers(proposal.token),
    probability: floats(proposal.probability),
    entropy: floats(proposal.entropy),
    margin: floats(proposal.margin),
    plainProbability: floats(proposal.plainProbability),
    plainEntropy: floats(proposal.plainEntropy),
    best: integers(proposal.best),
  };
}

const pickTop = ({ count, token, logprob }: TopTokens, at: readonly number[]): TopTokens => ({
  count,
  token: Int32Array.from(at, (i) => token[i]!),
  logprob: Float32Array.from(at, (i) => logprob[i]!),
});
