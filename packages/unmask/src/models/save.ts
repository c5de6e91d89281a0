// Writing a model so that the code it came from loads it: config.json as it was read, the original names, shapes and
// dtypes, buffers included, one file or shards as asked.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  convert,
  type Dtype,
  noGrad,
  type SaveShardedOptions,
  saveSharded,
  scope,
  type Tensor,
} from "@unmask/torch";
import { UnsupportedError } from "../base/errors.ts";
import type { OpenModel } from "./open.ts";

/** Files that travel with the weights as they are. */
const companions = [
  ...["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "vocab.json"],
  ...[
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
  ],
];

/**
 * Writes `parameters` (names without prefix, such as the network's) into an empty or new folder in the layout and the
 * dtypes of `origin`. Throws an UnsupportedError for int8 weights, a SafetensorsError if the folder holds a model.
 */
export function saveLike(
  origin: OpenModel,
  parameters: ReadonlyMap<string, Tensor>,
  { folder, ...options }: SaveShardedOptions & { folder: string },
): void {
  const { checkpoint, prefix, shapes } = origin;
  scope(() =>
    noGrad(() => {
      const tensors = new Map<string, Tensor>();
      const bare = (full: string) => (full.startsWith(prefix) ? full.slice(prefix.length) : full);
      for (const full of checkpoint.names) {
        const name = origin.family.copies?.[bare(full)] ?? bare(full);
        const isBuffer = !shapes.has(name);
        tensors.set(full, isBuffer ? checkpoint.tensor(full) : inOriginalDtype(origin, name, parameters));
      }
      saveSharded(folder, tensors, { metadata: { ...checkpoint.metadata }, ...options });
    }),
  );
  copyCompanions(origin.folder, folder);
}

function inOriginalDtype(origin: OpenModel, name: string, parameters: ReadonlyMap<string, Tensor>): Tensor {
  const parameter = parameters.get(name);
  if (parameter === undefined) throw new Error(`the parameter "${name}" is missing`);
  const { dtype, shape } = origin.checkpoint.info(origin.prefix + name);
  if (parameter.shape.join() !== shape.join()) {
    throw new Error(
      `the parameter "${name}" is ${parameter.describe()}, the checkpoint has [${shape.join(", ")}]`,
    );
  }
  if (parameter.dtype === "int8") {
    throw new UnsupportedError(
      `"${name}" is stored as int8, which the original format has not; load the model without dtype int8 to save it`,
    );
  }
  return convert(parameter, dtype as Dtype, "cpu");
}

function copyCompanions(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of companions) {
    const source = join(from, name);
    if (!existsSync(source)) continue;
    const target = join(to, name);
    writeFileSync(`${target}.tmp`, readFileSync(source), { flush: true });
    renameSync(`${target}.tmp`, target);
  }
}
