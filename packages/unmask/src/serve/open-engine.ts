// An engine over a model of one's own: loaded once, asked by many, in a thread of its own.

import { modelFolder } from "../generate/load.ts";
import type { Engine } from "./engine.ts";
import type { EngineOptions } from "./engine-options.ts";
import { WorkerEngine } from "./worker/worker-engine.ts";

export type { EngineOptions } from "./engine-options.ts";

/**
 * Loads the model; an id of the hub is fetched first. Throws a CheckpointError, UsageError or UnsupportedError.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { model: source, id = source, revision } = options;
  const model = await modelFolder(source, { revision });
  return WorkerEngine.open({ ...options, model, id });
}
