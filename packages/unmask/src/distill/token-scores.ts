// How probable a network holds tokens at the rows of logits that are read. Where logits would be too many they are never
// whole: with gradients the vocabulary is taken in chunks (diffusion/row-statistics.ts; `recompute` spares the graph from
// keeping them), without gradients some rows are taken at a time.
//
// Letters: N rows read, n of them at a time, V vocabulary, K numbers a row.

import {
  cat,
  convert,
  gather,
  logsumexp,
  mixedLinear,
  narrow,
  scope,
  squeeze,
  stack,
  sub,
  type Tensor,
  toDtype,
  unsqueeze,
} from "@unmask/torch";
import type { HeadRows } from "../diffusion/head-chunks.ts";
import { rowStatistics } from "../diffusion/row-statistics.ts";
import type { Network } from "../models/family.ts";
import {
  type Feed,
  feedHeadRows,
  feedLogits,
  mostLogits,
  type SizedFeedOptions,
} from "../train/rows-forward.ts";

/** log p of each list of tokens, int64 [N], in logits [N, V]: a list of [N]. */
export function logProbabilities(logits_NV: Tensor, tokens: readonly Tensor[]): Tensor[] {
  const lse_N = logsumexp(logits_NV, -1);
  return tokens.map((tokens_N) => sub(squeeze(gather(logits_NV, 1, unsqueeze(tokens_N, 1)), 1), lse_N));
}

export interface ScoreOptions extends SizedFeedOptions {
  /** int64 [N] each. */
  readonly tokens: readonly Tensor[];
}

/** logProbabilities() of a network, with gradients. */
export function tokenScores(network: Network, feed: Feed, options: ScoreOptions): readonly Tensor[] {
  const { tokens, products, recompute } = options;
  const rows = feedHeadRows(network, feed, options);
  if (rows === undefined) return logProbabilities(feedLogits(network, feed, options), tokens);
  return rowStatistics(rows, { targets: tokens, products, recompute }).logProbabilities;
}

/** Which of the rows read. */
export interface RowRange {
  readonly start: number;
  readonly count: number;
}

/** Numbers [n] of each row of logits [n, V]. */
export type RowFunction = (logits_nV: Tensor, range: RowRange) => readonly Tensor[];

/** K numbers of every row that is read, float64 [N, K]; for use without gradients. */
export function rowsAtATime(
  network: Network,
  feed: Feed,
  options: SizedFeedOptions,
  by: RowFunction,
): Tensor {
  const { count: N = feed.reads.length, vocabularySize, mostLogits: most = mostLogits } = options;
  const numbers = (logits_nV: Tensor, range: RowRange) =>
    stack(
      by(logits_nV, range).map((one) => toDtype(one, "float64")),
      { dim: 1 },
    );
  const rows = feedHeadRows(network, feed, options);
  if (rows === undefined) return numbers(feedLogits(network, feed, options), { start: 0, count: N });
  const size = Math.max(1, Math.floor(most / vocabularySize));
  const parts: Tensor[] = [];
  for (let start = 0; start < N; start += size) {
    const range = { start, count: Math.min(size, N - start) };
    parts.push(scope(() => numbers(headLogits(rows, range, options.products), range)));
  }
  return cat(parts);
}

function headLogits(
  { hidden_ND, head: { weight_VD, bias_V } }: HeadRows,
  { start, count }: RowRange,
  products: SizedFeedOptions["products"] = "float32",
): Tensor {
  const logits_nV = mixedLinear(narrow(hidden_ND, 0, start, count), weight_VD, bias_V, products);
  return logits_nV.dtype === "bfloat16" ? convert(logits_nV, "float32", undefined) : logits_nV;
}
