// What a file of trajectories says of the model and the decoder that made them.

import { createHash } from "node:crypto";
import type { TrajectoryHeader } from "../trajectory/record.ts";
import type { GenerateOptions } from "./events.ts";
import { type Model, maskIdOf } from "./load.ts";
import type { GenerateRequest } from "./request.ts";

export function trajectoryHeader(
  model: Model,
  options: GenerateOptions,
  request: Pick<GenerateRequest, "decoder" | "options" | "stopIds">,
): TrajectoryHeader {
  return {
    model: model.source,
    model_hash: hashOf(JSON.stringify(model.origin.raw.values)),
    tokenizer_hash: model.tokenizer?.hash ?? "",
    template_hash: model.template?.hash ?? "",
    decoder: request.decoder.name,
    options: request.options,
    fidelity: options.fidelity ?? "corrected",
    seed: options.seed ?? 0,
    mask_id: maskIdOf(model),
    end_ids: request.stopIds,
    facts: {
      family: model.facts.family,
      shift: model.facts.shift,
      block_length: model.facts.blockLength ?? null,
    },
  };
}

const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");
