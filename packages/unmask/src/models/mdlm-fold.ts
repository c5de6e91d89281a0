// MDLM without its conditioning, for generation: at sigma 0 every shift, scale and gate is a constant vector. Shift and
// scale become the norms' weight and bias, each gate a vector beside its projection, and the adaLN layers and the time
// path go. The arithmetic of a forward stays what it was, so the logits are equal bit for bit.
//
// A gate is not multiplied into its matrix: that would round once more (badly in bfloat16), copy weights that are
// shared with the file, and save no time (gate and addition are one pass over the output).

import { add, contiguous, convert, keep, mul, noGrad, scope, type Tensor } from "@unmask/torch";
import { Mdlm, type MdlmConfig } from "./mdlm.ts";
import { MdlmTrunk } from "./mdlm-trunk.ts";

/** Whether a parameter has no use in a folded network. */
const isConditioning = (name: string): boolean =>
  name.startsWith("sigma_map.") || name.includes("adaLN_modulation.");

/**
 * The network that `parameters` are at sigma 0, exactly, with fewer parameters. It shares the matrices with
 * `parameters`; its own vectors lie outside every scope and want no gradient. A forward with a sigma throws an
 * UnsupportedError. For inference: it cannot be trained at other sigmas, nor saved as the family's checkpoint.
 */
export function foldConditioning(config: MdlmConfig, parameters: ReadonlyMap<string, Tensor>): Mdlm {
  const trunk = new MdlmTrunk(config, parameters);
  const folded = new Map([...parameters].filter(([name]) => !isConditioning(name)));
  scope(() =>
    noGrad(() => {
      const condition = trunk.condition({});
      const put = (name: string, value: Tensor) => folded.set(name, keep(contiguous(value)));
      const norm = (name: string, [shift, scale]: readonly [Tensor, Tensor]) => {
        const weight = convert(trunk.weights.get(`${name}.weight`), trunk.wide, undefined);
        put(`${name}.weight`, mul(weight, add(scale, 1)));
        put(`${name}.bias`, shift);
      };
      for (let i = 0; i < config.blocks; i++) {
        const vectors = trunk.modulation(`blocks.${i}`, condition, 6)!;
        const [shiftA, scaleA, gateA, shiftM, scaleM, gateM] = vectors as [
          ...[Tensor, Tensor, Tensor],
          ...[Tensor, Tensor, Tensor],
        ];
        norm(`blocks.${i}.norm1`, [shiftA, scaleA]);
        put(`blocks.${i}.attn_out.gate`, gateA);
        norm(`blocks.${i}.norm2`, [shiftM, scaleM]);
        put(`blocks.${i}.mlp.2.gate`, gateM);
      }
      const [shift, scale] = trunk.modulation("output_layer", condition, 2) as [Tensor, Tensor];
      norm("output_layer.norm_final", [shift, scale]);
    }),
  );
  return new Mdlm(config, folded);
}
