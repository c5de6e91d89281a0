// What both endpoints read from a body: the request to the engine without its prompt, and how to answer.

import { randomInt } from "node:crypto";
import type { EngineModel, EngineRequest, Structure } from "../engine.ts";
import type { JsonObject } from "./body.ts";
import { chooseDecoder } from "./decoder-fields.ts";
import { ApiError, badField, short } from "./errors.ts";
import type { SharedBody } from "./fields.ts";
import type { Limits } from "./limits.ts";

export interface Asked {
  readonly request: Omit<EngineRequest, "prompt"> & { readonly seed: number; readonly count: number };
  readonly decoder: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
}

/** Throws an ApiError: 400, or 404 for another model than the one served. */
export function readAsked(
  { fields, others, known }: { fields: SharedBody; others: JsonObject; known: readonly string[] },
  model: EngineModel,
  limits: Limits,
): Asked {
  checkModel(fields.model, model);
  const { stream = false, stream_options: streamOptions, stop, fidelity, n = 1 } = fields;
  if (streamOptions !== undefined && !stream) throw badField("stream_options", "needs stream: true");
  const stops = stop === undefined ? [] : [stop].flat();
  if (stops.length > limits.stops) throw badField("stop", `has more than ${limits.stops} texts`);
  if (n > limits.sequences) throw badField("n", `is more than ${limits.sequences}`);
  const chosen = chooseDecoder(model, fields.decoder, others, known);
  return {
    request: {
      ...chosen,
      count: n,
      maxNewTokens: mostTokens(fields),
      seed: fields.seed ?? randomInt(2 ** 47),
      fidelity,
      stop: stops,
      structure: structureOf(fields),
      canvas: streamOptions?.include_canvas === true,
      deadline: 1000 * Math.min(limits.requestSeconds, fields.timeout ?? limits.requestSeconds),
    },
    decoder: chosen.decoder,
    stream,
    includeUsage: streamOptions?.include_usage === true,
  };
}

function checkModel(asked: string | undefined, { id }: EngineModel): void {
  if (asked === undefined || asked === id) return;
  const message = `model: ${short(asked)} is not served here; ${id} is`;
  throw new ApiError(404, message, { param: "model", code: "model_not_found" });
}

function mostTokens(fields: SharedBody): number | undefined {
  const names = ["max_completion_tokens", "max_tokens", "max_new_tokens"] as const;
  const given = names.filter((name) => fields[name] !== undefined);
  const odd = given.find((name) => fields[name] !== fields[given[0]!]);
  if (odd !== undefined) throw badField(odd, `says otherwise than ${given[0]}; give one of them`);
  return given.length === 0 ? undefined : fields[given[0]!];
}

function structureOf({ response_format: format }: SharedBody): Structure | undefined {
  switch (format?.type) {
    case undefined:
    case "text":
      return undefined;
    case "json_object":
      return { kind: "json" };
    case "json_schema":
      return { kind: "json-schema", schema: format.json_schema.schema };
    case "regex":
      return { kind: "regex", pattern: format.pattern };
  }
}
