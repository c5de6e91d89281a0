// Options of decoders among the fields of a body, by their names and aliases.

import { ConfigError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import { type Decoder, type OptionValue, type OptionValues, readOptions } from "../../decode/decoder.ts";
import { decoders } from "../../decode/decoders.ts";
import type { EngineModel } from "../engine.ts";
import type { JsonObject } from "./body.ts";
import { badField, short } from "./errors.ts";

export interface DecoderChoice {
  readonly decoder: string;
  readonly decoderOptions: OptionValues;
}

/** The decoder that is asked for, and the fields that are its options. Throws an ApiError for any other field. */
export function chooseDecoder(
  model: EngineModel,
  asked: string | undefined,
  others: JsonObject,
  known: readonly string[],
): DecoderChoice {
  const decoder = findDecoder(model, asked);
  const options: Record<string, OptionValue> = {};
  for (const [name, value] of Object.entries(others)) {
    if (isOption(decoder, name)) {
      options[name] = optionValue(name, value);
      continue;
    }
    // What every client of OpenAI's may send, and means "all tokens".
    if (name === "top_p" && value === 1) continue;
    throw unknownField(decoder, name, known);
  }
  try {
    readOptions(decoder, options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const name = String(error.data.option);
    throw badField(name, error.message);
  }
  return { decoder: decoder.name, decoderOptions: options };
}

function findDecoder(model: EngineModel, asked = model.usualDecoder): Decoder {
  const found = decoders.find((one) => one.name === asked || one.aliases.includes(asked));
  if (found !== undefined && model.decoders.includes(found.name)) return found;
  const told = found === undefined ? "there is none of that name" : "does not fit this model";
  throw badField("decoder", `${short(asked)}: ${told}; give one of ${model.decoders.join(", ")}`);
}

const namesOf = ({ options }: Decoder): string[] =>
  Object.entries(options).flatMap(([name, { aliases = [] }]) => [name, ...aliases]);

const isOption = (decoder: Decoder, name: string): boolean => namesOf(decoder).includes(name);

function optionValue(name: string, value: unknown): OptionValue {
  if (typeof value === "number" || typeof value === "string" || typeof value === "boolean") return value;
  throw badField(name, "expected a number, a text, true or false");
}

function unknownField(decoder: Decoder, name: string, known: readonly string[]) {
  const own = Object.keys(decoder.options);
  if (decoders.some((one) => isOption(one, name))) {
    return badField(
      name,
      `the decoder ${decoder.name} has no such option; it has ${own.join(", ")}`,
      "unsupported",
    );
  }
  const near = nearest(short(name), [...known, ...own]);
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  return badField(short(name), `is not supported${hint}`, "unsupported");
}
