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
  scope,
  searchsorted,
  sub,
  type Tensor,
} from "@unmask/torch";

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
  const [N, V] = logits_NV.shape as [number, number];
  const rows = Math.max(1, Math.floor(valuesAtATime / V));
  return scope(() =>
    noGrad(() => {
      const parts: Tensor[] = [];
      for (let start = 0; start < Math.max(1, N); start += rows) {
        const part = (whole: Tensor) => narrow(whole, 0, start, Math.min(rows, N - start));
        parts.push(scope(() => drawInverseCdf(softmaxWeights(part(logits_NV)), part(uniforms_NM))));
      }
      return cat(parts);
    }),
  );
}

const softmaxWeights = (logits_NV: Tensor): Tensor =>
  exp(sub(logits_NV, amax(logits_NV, { dim: -1, keepdim: true })));
