// Fresh weights for MDLM, as the reference initialises them: adaLN and the output layer start at zero (so every
// block starts as the identity and every prediction as uniform), the embedding uniform in ±1/√D, other linears
// and their biases uniform in ±1/√fan_in, norms at 1. Value j of parameter i comes from coordinate (i, j).

import { type Device, setRequiresGrad, type Tensor, tensor } from "@unmask/torch";
import { fillUniform, streams } from "../base/rng.ts";
import { type MdlmConfig, mdlmParameterShapes } from "./mdlm.ts";

/** Parameters of a new network, float32 leaves that want gradients, outside every scope. */
export function initialiseMdlm(
  config: MdlmConfig,
  seed: number,
  device: Device = "cpu",
): Map<string, Tensor> {
  const shapes = mdlmParameterShapes(config);
  const parameters = new Map<string, Tensor>();
  let index = 0;
  for (const [name, shape] of shapes) {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
    const bound = boundOf(name, shapes);
    if (bound === "one") values.fill(1);
    else if (bound > 0) {
      fillUniform(values, { seed, stream: streams.initialise }, index, 0);
      for (let j = 0; j < values.length; j++) values[j] = (2 * values[j]! - 1) * bound;
    }
    parameters.set(name, setRequiresGrad(tensor(values, shape, { device }), true));
    index++;
  }
  return parameters;
}

function boundOf(name: string, shapes: ReadonlyMap<string, number[]>): number | "one" {
  if (/norm\d?\.weight$|norm_final\.weight$/.test(name)) return "one";
  if (name.includes("adaLN_modulation") || name.startsWith("output_layer.linear")) return 0;
  const weight = shapes.get(name.replace(/bias$/, "weight"))!;
  return 1 / Math.sqrt(weight[1]!);
}
