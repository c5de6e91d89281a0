// `unmask merge`: a model and a LoRA adapter become one ordinary model, in the names, dtypes and files of the first.

import { existsSync, readdirSync, statSync } from "node:fs";
import { UsageError } from "../base/errors.ts";
import { duration } from "./numbers.ts";

export interface MergeFlags {
  readonly model?: string;
  readonly adapter?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** Returns the exit code. */
export async function mergeVerb(flags: MergeFlags): Promise<number> {
  const { model, adapter, out } = given(flags);
  refuseOccupied(out);
  const [{ load }, { mergeAdapters }, { saveLike }] = await Promise.all([
    import("../generate/load.ts"),
    import("../models/lora-merge.ts"),
    import("../models/save.ts"),
  ]);
  const start = performance.now();
  const loaded = await load(model, { adapter });
  const { adapters, origin, network } = loaded;
  const layers = adapters!.layers.size;
  const unmatched = [...adapters!.matched].filter(([, found]) => found.length === 0).map(([name]) => name);
  mergeAdapters(adapters!, { reversible: false });
  saveLike(origin, network.parameters, { folder: out });
  loaded.dispose();
  const seconds = (performance.now() - start) / 1000;
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify({ model, adapter, out, layers, unmatched, seconds })}\n`);
    return 0;
  }
  process.stdout.write(`${layers} adapted layers merged, ${duration(seconds)}: ${out}\n`);
  if (unmatched.length > 0) {
    process.stderr.write(
      `The adapter names ${unmatched.join(", ")}, which the model has not: nothing was trained there.\n`,
    );
  }
  return 0;
}

/** The three that must be given. */
function given({ model, adapter, out }: MergeFlags): { model: string; adapter: string; out: string } {
  if (model === undefined) throw new UsageError("no model is named; give --model DIR, the folder of a model");
  if (adapter === undefined) {
    throw new UsageError("nothing to merge; give --adapter DIR, the folder of adapter_config.json");
  }
  if (out === undefined) throw new UsageError("nowhere to write; give --out DIR, a new folder");
  return { model, adapter, out };
}

function refuseOccupied(out: string): void {
  if (!existsSync(out) || (statSync(out).isDirectory() && readdirSync(out).length === 0)) return;
  throw new UsageError(`--out ${out} exists and is no empty folder; name a new one`);
}
