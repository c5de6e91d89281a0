// Fresh weights for MDLM, as the reference initialises them: adaLN and the output layer start at zero (so every
// block starts as the identity and every prediction as uniform), the embedding uniform in ±1/√D, other linears
// and their biases uniform in ±1/√fan_in, norms at 1.

import { clone, convert, type Device, keep, noGrad, scope, type Tensor, tensor } from "@unmask/torch";
import { fillNormal, streams } from "../base/rng.ts";
import { discriminatorShapes, isSpectralState } from "./discriminator.ts";
import { type MdlmConfig, mdlmParameterShapes } from "./mdlm.ts";
import { fillStart, type Start, startAll } from "./parts/start.ts";

/** Parameters of a new network, float32 leaves that want gradients, outside every scope. */
export function initialiseMdlm(
  config: MdlmConfig,
  seed: number,
  device: Device = "cpu",
): Map<string, Tensor> {
  return startAll(mdlmParameterShapes(config), (name) => mdlmStart(config, name), { seed, device });
}

export function mdlmStart(config: MdlmConfig, name: string): Start {
  if (/norm\d?\.weight$|norm_final\.weight$/.test(name)) return { kind: "constant", value: 1 };
  if (name.includes("adaLN_modulation") || name.startsWith("output_layer.linear")) {
    return { kind: "constant", value: 0 };
  }
  const weight = mdlmParameterShapes(config).get(name.replace(/bias$/, "weight"))!;
  return { kind: "uniform", bound: 1 / Math.sqrt(weight[1]!) };
}

/** Numbers of a discriminator's head are drawn at this step of the coordinates, those of a network at step 0. */
const headStep = 1;

/**
 * Parameters of a discriminator: copies of a network's `source` below its head, and a fresh head (linears and biases
 * uniform in ±1/√fan_in, u and v random unit vectors), in the source's dtype and on its device, outside every scope
 * and wanting no gradient. `source` may be an Mdlm's parameters; folded ones lack the conditioning and are refused.
 */
export function initialiseDiscriminator(
  config: MdlmConfig,
  source: ReadonlyMap<string, Tensor>,
  seed: number,
): Map<string, Tensor> {
  const shapes = discriminatorShapes(config);
  const { device, dtype } = get(source, "vocab_embed.embedding");
  const parameters = new Map<string, Tensor>();
  let index = 0;
  for (const [name, shape] of shapes) {
    const fresh = () =>
      tensor(headValues(name, shape, { seed, index, step: headStep, fanIn: config.hiddenSize }), shape);
    const value = name.startsWith("output_layer.")
      ? scope(() => keep(convert(fresh(), dtype, device)))
      : scope(() => noGrad(() => keep(clone(get(source, name)))));
    parameters.set(name, value);
    index++;
  }
  return parameters;
}

function headValues(
  name: string,
  shape: readonly number[],
  { fanIn, ...at }: { seed: number; index: number; step: number; fanIn: number },
): Float32Array {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  if (!isSpectralState(name)) return fillStart(values, { kind: "uniform", bound: 1 / Math.sqrt(fanIn) }, at);
  fillNormal(values, { seed: at.seed, stream: streams.initialise }, at.index, at.step);
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

function get(source: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const parameter = source.get(name);
  if (parameter === undefined) throw new Error(`the network has no parameter "${name}"`);
  return parameter;
}
