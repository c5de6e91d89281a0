// `unmask forward`: one pass over given ids, logits into a safetensors file. Everything that can be wrong is found
// before the weights are read, but for a disk that fills up.

import { accessSync, constants, existsSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ConfigError, UsageError } from "../base/errors.ts";
import type { WeightDtype } from "../models/load.ts";
import type { ModelDescription } from "../models/open.ts";
import { checkForwardInput, type ForwardRows, positionsOfReal, readForwardInput } from "./forward-input.ts";
import { duration, gigabytes } from "./numbers.ts";

export interface ForwardFlags {
  readonly model?: string;
  readonly input?: string;
  readonly output?: string;
  readonly device: string;
  readonly dtype: WeightDtype;
  readonly json?: boolean;
}

/** Returns the exit code. */
export async function forwardVerb(flags: ForwardFlags): Promise<number> {
  const { model: source, input: path, output } = given(flags);
  const input = readForwardInput(path);
  refuseOutput(output);
  const [{ modelFolder }, { loadNetwork }, { openModel }, { productsFor }, { checkDevice }, torch] =
    await Promise.all([
      import("../generate/load.ts"),
      import("../models/load.ts"),
      import("../models/open.ts"),
      import("../models/estimate.ts"),
      import("./device.ts"),
      import("@unmask/torch"),
    ]);
  const device = checkDevice(flags.device);
  const folder = await modelFolder(source);
  refuseOwnWeights(output, folder);
  checkForwardInput(path, input, openModel(folder));
  const model = loadNetwork(folder, { device, dtype: flags.dtype });
  const products = productsFor(flags.dtype, device);
  const { scope, noGrad } = torch;
  const start = performance.now();
  const result = scope(() =>
    noGrad(() => {
      const { ids, options } = tensorsOf(torch, { input, model, device });
      const logits = model.network.logits(ids, undefined, { ...options, products });
      const wide = torch.convert(logits, "float32", undefined);
      const seconds = (performance.now() - start) / 1000;
      torch.saveSafetensors(output, { logits: wide });
      return { shape: [...wide.shape], seconds, products: logits.dtype === "float64" ? "float64" : products };
    }),
  );
  model.dispose();
  const facts = { model: source, output, dtype: "float32", ...result };
  const size = gigabytes(4 * result.shape.reduce((product, one) => product * one, 1));
  process.stdout.write(
    flags.json
      ? `${JSON.stringify(facts)}\n`
      : `logits float32 [${result.shape.join(", ")}], ${size}, after ${duration(result.seconds)}: ${output}\n`,
  );
  return 0;
}

/** The three that must be given. */
function given({ model, input, output }: ForwardFlags): { model: string; input: string; output: string } {
  if (model === undefined) throw new UsageError("no model is named; give --model DIR, the folder of a model");
  if (input === undefined) {
    throw new UsageError('nothing to feed; give --input FILE.json with {"ids": [[1, 2], [3, 4]]}');
  }
  if (output === undefined) throw new UsageError("nowhere to write; give --output FILE.safetensors");
  if (resolve(input) === resolve(output)) {
    throw new UsageError(`--output ${output} is the input; choose another file`);
  }
  return { model, input, output };
}

function refuseOutput(output: string): void {
  const folder = dirname(output);
  try {
    if (existsSync(output) && !statSync(output).isFile()) {
      throw new ConfigError(`${output} is no file; name a file with --output, such as logits.safetensors`);
    }
    accessSync(folder, constants.W_OK | constants.X_OK);
    if (!statSync(folder).isDirectory()) throw Object.assign(new Error(), { code: "ENOTDIR" });
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    const message = `${output} cannot be written (${code}); check that the folder exists and its permissions, or choose another --output`;
    throw new ConfigError(message, { output }, { cause });
  }
}

/** Logits must not replace the weights that they come from. */
function refuseOwnWeights(output: string, folder: string): void {
  const target = join(realpathSync(dirname(resolve(output))), basename(output));
  if (dirname(target) !== realpathSync(folder) || !existsSync(target)) return;
  throw new ConfigError(`${output} is a file of the model; choose another --output`);
}

type Torch = typeof import("@unmask/torch");

function tensorsOf(
  torch: Torch,
  {
    input,
    model,
    device,
  }: { input: ForwardRows; model: ModelDescription; device: import("@unmask/torch").Device },
) {
  const { rows, length, padding, sigma } = input;
  const shape = [rows, length];
  const skips = model.family.positionsSkipPadding === true && padding !== undefined;
  const positions = input.positions ?? (skips ? positionsOfReal(padding, length) : undefined);
  const whole = (values: Int32Array) => torch.tensor(values, shape, { dtype: "int64", device });
  const hidden = padding?.includes(0) === true;
  return {
    ids: whole(input.ids),
    options: {
      padding: hidden ? torch.tensor(padding, shape, { dtype: "bool", device }) : undefined,
      positions: positions === undefined ? undefined : whole(positions),
      sigma_B: sigma === undefined ? undefined : torch.tensor(sigma, [rows], { device }),
    },
  };
}
