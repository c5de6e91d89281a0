// Writing adapters as PEFT writes and reads them: adapter_model.safetensors, then adapter_config.json, each in one piece.
// A folder without the second is no adapter, so an interrupted save leaves none.

import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { saveSafetensors } from "@unmask/torch";
import { UsageError } from "../base/errors.ts";
import { type AdapterSet, adapterParameters, expectState, weightsName } from "./lora.ts";
import { configName } from "./lora-config.ts";

/**
 * Saves A and B in their dtypes, with the configuration that they were made or read with. Throws a UsageError if the
 * folder holds an adapter already.
 */
export function saveAdapter(folder: string, set: AdapterSet): void {
  expectState(set, ["attached", "detached", "merged"], "saved");
  mkdirSync(folder, { recursive: true });
  for (const name of [configName, weightsName]) {
    if (!existsSync(join(folder, name))) continue;
    throw new UsageError(`${folder}: the folder already holds ${name}; choose an empty one or remove it`);
  }
  saveSafetensors(join(folder, weightsName), adapterParameters(set), { metadata: { format: "pt" } });
  const values = { ...set.config.raw.values, inference_mode: true };
  const sorted = Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));
  const path = join(folder, configName);
  writeFileSync(`${path}.tmp`, `${JSON.stringify(sorted, null, 2)}\n`, { flush: true });
  renameSync(`${path}.tmp`, path);
}
