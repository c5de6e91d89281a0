// Tokens drawn from rows of weights by inverse CDF, one uniform number a token. The CDF is summed in float64, so that
// small tails count and runs agree.
//
// Letters: N rows, V vocabulary, M tokens drawn a row.

import {
  amax,
  cat,
  clamp_,
  cumsum,
  exp,
  mul,
  narrow,
  noGrad,
  type ProductDtype,
  scope,
  searchsorted,
  sub,
  type Tensor,
} from "@unmask/torch";
import { type HeadRows, logitsOf } from "./head-chunks.ts";

/** Number of tokens whose cumulative weight is at most uniform · total, int64 [N, M]: the drawn tokens. */
export function drawInverseCdf(weight_NV: Tensor, uniforms_NM: Tensor): Tensor {
  const V = weight_NV.shape[1]!;
  const cdf_NV = cumsum(weight_NV, -1, { dtype: "float64" });
  const threshold_NM = mul(narrow(cdf_NV, 1, V - 1, 1), uniforms_NM);
  // NaN is found nowhere; it is reported when the numbers reach the host.
  return clamp_(searchsorted(cdf_NV, threshold_NM, { right: true }), { max: V - 1 });
}

/** Weights in float64 held at a time: 32 MB. */
const valuesAtATime = 1 << 22;

/** Draws from softmax(logits), int64 [N, M], with uniform numbers [N, M]; some rows at a time. */
export function drawSoftmaxTokens(logits_NV: Tensor, uniforms_NM: Tensor): Tensor {
  const part = (start: number, count: number) => narrow(logits_NV, 0, start, count);
  return drawParts(uniforms_NM, { vocabularySize: logits_NV.shape[1]!, logits: part });
}

/** The same from what multiplies to the logits, which are never whole. */
export function drawHeadTokens(
  { hidden_ND, head }: HeadRows,
  uniforms_NM: Tensor,
  products?: ProductDtype | undefined,
): Tensor {
  const logits = (start: number, count: number) =>
    logitsOf(narrow(hidden_ND, 0, start, count), head, products);
  return drawParts(uniforms_NM, { vocabularySize: head.weight_VD.shape[0]!, logits });
}

interface Parts {
  readonly vocabularySize: number;
  readonly logits: (start: number, count: number) => Tensor;
}

function drawParts(uniforms_NM: Tensor, { vocabularySize, logits }: Parts): Tensor {
  const N = uniforms_NM.shape[0]!;
  const rows = Math.max(1, Math.floor(valuesAtATime / vocabularySize));
  return scope(() =>
    noGrad(() => {
      const parts: Tensor[] = [];
      for (let start = 0; start < Math.max(1, N); start += rows) {
        const count = Math.min(rows, N - start);
        parts.push(
          scope(() =>
            drawInverseCdf(softmaxWeights(logits(start, count)), narrow(uniforms_NM, 0, start, count)),
          ),
        );
      }
      return cat(parts);
    }),
  );
}

const softmaxWeights = (logits_NV: Tensor): Tensor =>
  exp(sub(logits_NV, amax(logits_NV, { dim: -1, keepdim: true })));
