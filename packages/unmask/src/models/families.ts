// The table of model families, and how a checkpoint finds its line.

import { CheckpointError, UnsupportedError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { dream } from "./dream.ts";
import type { Family, RawConfig } from "./family.ts";
import { gpt2 } from "./gpt2.ts";
import { llada } from "./llada.ts";
import { mdlm } from "./mdlm-family.ts";
import { sdar } from "./sdar.ts";

// biome-ignore lint/suspicious/noExplicitAny: each line reads its own kind of configuration
type AnyFamily = Family<any>;

export const families: readonly AnyFamily[] = [llada, dream, sdar, mdlm, gpt2];

/** The family of a config.json, by its model_type. Throws a CheckpointError that lists the known ones. */
export function familyOf(raw: RawConfig): AnyFamily {
  const type = raw.values.model_type;
  const found = families.find(
    (family) =>
      family.modelTypes.includes(type as string) || (type === undefined && family.recognises?.(raw.values)),
  );
  if (found !== undefined) return found;
  const known = families.flatMap(({ modelTypes }) => modelTypes.slice(0, 1));
  if (type === undefined) {
    throw new CheckpointError(
      `${raw.path}: has no model_type, and is no file of a family without one; known are ${known.join(", ")}`,
    );
  }
  const near = typeof type === "string" ? nearest(type, known) : undefined;
  const hint = near === undefined ? "" : `; did you mean "${near}"?`;
  throw new UnsupportedError(
    `${raw.path}: model_type is ${JSON.stringify(type)}; known are ${known.join(", ")}${hint}`,
  );
}
