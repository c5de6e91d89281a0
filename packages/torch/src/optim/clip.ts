// Gradient clipping by global norm.

import { gradientOf } from "../core/autograd.ts";
import { item } from "../core/create.ts";
import { scope } from "../core/scope.ts";
import type { Tensor } from "../core/tensor.ts";
import { foreachMul_, foreachNorm, stack, vectorNorm } from "../generated/ops.ts";

/**
 * Scales all gradients by min(1, maximum / norm), where norm is the 2-norm of all of them together (Pascanu et
 * al. 2013); leaves without a gradient do not count. Returns the norm before clipping. A norm that is not finite
 * leaves the gradients as they are: the caller decides.
 */
export function clipGradients(parameters: readonly Tensor[], maximum: number): number {
  return scope(() => {
    const gradients = parameters.map(gradientOf).filter((gradient) => gradient !== null);
    if (gradients.length === 0) return 0;
    const norm = item(vectorNorm(stack(foreachNorm(gradients))));
    if (norm > maximum && Number.isFinite(norm)) foreachMul_(gradients, maximum / (norm + 1e-6));
    return norm;
  });
}
