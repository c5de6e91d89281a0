// Classifier-free guidance (LLaDA §A.2, `cfg_scale`): the network is also asked without the given text, and the logits
// move away from what it says then:
//
//   logits = u + (scale + 1) (z − u)        z with the given columns, u with the mask in their place
//
// Both canvases go through the network in one batch. Letters as in propose.ts.

import { add, cat, maskedFill, mul, narrow, sub, type Tensor, tensor } from "@unmask/torch";
import { UnsupportedError } from "../base/errors.ts";
import type { Request } from "../decode/policies/policy.ts";
import type { Guide } from "./propose.ts";

export function classifierFree(scale: number): Guide {
  return ({ network, ids_RL, rows_N, requests, options }) => {
    if (options.cache !== undefined) {
      throw new UnsupportedError(
        "guidance feeds the text a second time without its prompt; decode without a cache",
      );
    }
    const [R, L] = ids_RL.shape as [number, number];
    const [N] = rows_N.shape as [number];
    const { padding, sigma_B } = options;
    const both_2RL = cat([ids_RL, withoutGiven(ids_RL, requests)]);
    const rows_2N = cat([rows_N, add(rows_N, R * L)]);
    const logits_2NV = network.logits(both_2RL, rows_2N, {
      ...options,
      padding: padding === undefined ? undefined : cat([padding, padding]),
      sigma_B: sigma_B === undefined ? undefined : cat([sigma_B, sigma_B]),
    });
    const free_NV = narrow(logits_2NV, 0, N, N);
    return add(free_NV, mul(sub(narrow(logits_2NV, 0, 0, N), free_NV), scale + 1));
  };
}

/** The ids with the mask at given columns. */
function withoutGiven(ids_RL: Tensor, requests: readonly Request[]): Tensor {
  const [R, L] = ids_RL.shape as [number, number];
  const given = new Uint8Array(R * L);
  requests.forEach(({ canvas, plan }, r) => {
    given.set(canvas.given.subarray(plan.from, plan.to), r * L);
  });
  const given_RL = tensor(given, [R, L], { dtype: "bool", device: ids_RL.device });
  return maskedFill(ids_RL, given_RL, requests[0]!.canvas.noiseId);
}
