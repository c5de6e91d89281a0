// The table of distillers. A new one is a file and a line here.
//
// A line says what a run needs to have before it can begin: which networks, made of what, and what its examples are. A
// method is made from a model's facts and its own options; the loop (train/step.ts) runs it and knows none of this.

import { ConfigError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { Method } from "../train/method.ts";
import { noiseOf } from "../train/objective.ts";
import { d3llmMethod, dparallelMethod } from "./d3llm.ts";
import type { D3llmOptions, NetworkIds } from "./d3llm-options.ts";
import type { DidiSettings } from "./didi/options.ts";
import { didiMethod } from "./didi.ts";
import { type DuoOptions, duoMethod } from "./duo.ts";
import { type SdttOptions, sdttMethod } from "./sdtt.ts";
import { type SftOptions, sftMethod } from "./sft.ts";
import { t3d } from "./t3d.ts";
import type { T3dOptions } from "./t3d-options.ts";
import { type DistillFacts, maskedFacts } from "./trace-states.ts";
import { type TrajectoryOptions, trajectoryMethod } from "./trajectory.ts";

/**
 * What a network of a run is.
 *
 *   trained  begins as the model and is updated
 *   copy     begins as the model and takes on the student's weights between rounds: it belongs into checkpoints
 *   frozen   the model as it is
 *   critic   a discriminator on the model's trunk, and is updated
 */
export type Role = "trained" | "copy" | "frozen" | "critic";

export interface Distiller<Options, Networks, Example, Prepared, Batch> {
  readonly aliases?: readonly string[] | undefined;
  /** One sentence for help. */
  readonly doc: string;
  /** What examples are: trajectories of the model (trajectory-example.ts), or texts and answers. */
  readonly data: "trajectories" | "answers";
  readonly networks: { readonly [Name in keyof Networks]: Role };
  /** Forwards of the student whose graphs live together, for estimates of memory; 1 by default. */
  readonly graphs?: number | undefined;
  /** Why it does not suit a model; undefined if it does. */
  refuses(facts: DistillFacts): string | undefined;
  create(facts: DistillFacts, options: Options): Method<Networks, Example, Prepared, Batch>;
}

const line = <Options, Networks, Example, Prepared, Batch>(
  one: Distiller<Options, Networks, Example, Prepared, Batch>,
): Distiller<Options, Networks, Example, Prepared, Batch> => one;

/** Why a network is not one that fills in masks. */
const withoutMasks = ({ family, maskId }: DistillFacts): string | undefined =>
  maskId === undefined ? `a ${family} model has no mask token and fills in nothing` : undefined;

/** Nor one in which all see all. */
function withoutFullView(facts: DistillFacts): string | undefined {
  const { family, blockLength } = facts;
  if (blockLength === undefined) return withoutMasks(facts);
  return `a ${family} model sees block by block; take t3d, trajectory or sft`;
}

/** Nor one whose rows predict their own tokens. */
function withShift(facts: DistillFacts): string | undefined {
  const { family, shift } = facts;
  if (shift === 0) return withoutFullView(facts);
  return `a ${family} model predicts every token from the row before it; take d3llm, dparallel, t3d or sdtt`;
}

const ids = (facts: DistillFacts): Required<NetworkIds> => {
  const { maskId, padId, shift } = maskedFacts(facts);
  return { maskId, padId, shift };
};

export const distillers = {
  t3d: line({
    doc: "T3D: discriminates the teacher's text from the student's own along recorded trajectories",
    data: "trajectories",
    networks: { student: "trained", reference: "copy" },
    refuses: withoutMasks,
    create: (facts, options: T3dOptions) => t3d(facts, options),
  }),
  trajectory: line({
    aliases: ["naive_td"],
    doc: "naive trajectory distillation: cross-entropy at the states that the teacher's decoding passed through",
    data: "trajectories",
    networks: { student: "trained" },
    refuses: withoutMasks,
    create: (facts, options: TrajectoryOptions) => trajectoryMethod(facts, options),
  }),
  sft: line({
    aliases: ["redi"],
    doc: "fine-tuning on the teacher's texts under independent masks; with masks ReDi is this",
    data: "trajectories",
    networks: { student: "trained" },
    refuses: withoutMasks,
    create: (facts, options: SftOptions) => sftMethod(facts, options),
  }),
  d3llm: line({
    doc: "d3LLM: windows hidden in the teacher's order, two curricula, and certainty where it is right",
    data: "trajectories",
    networks: { student: "trained" },
    graphs: 2,
    refuses: withoutFullView,
    create: (facts, options: Omit<D3llmOptions, keyof NetworkIds>) =>
      d3llmMethod({ ...options, ...ids(facts) }),
  }),
  dparallel: line({
    doc: "dParallel: certainty forcing on randomly masked windows",
    data: "trajectories",
    networks: { student: "trained" },
    refuses: withoutFullView,
    create: (facts, options: Omit<D3llmOptions, keyof NetworkIds>) =>
      dparallelMethod({ ...options, ...ids(facts) }),
  }),
  didi: line({
    doc: "DiDi-Instruct: a critic's reward for texts that the student writes in two steps",
    data: "answers",
    networks: { student: "trained", teacher: "frozen", critic: "critic" },
    graphs: 2,
    refuses: withShift,
    create: (facts, options: Omit<DidiSettings, "vocabularySize" | "maskId">) =>
      didiMethod({ ...options, vocabularySize: facts.vocabularySize, maskId: ids(facts).maskId }),
  }),
  sdtt: line({
    doc: "self-distillation through time: a step of the student for several of its teacher's",
    data: "answers",
    networks: { student: "trained", teacher: "copy" },
    refuses: withoutFullView,
    create: (facts, options: Omit<SdttOptions, keyof NetworkIds | "noise">) =>
      sdttMethod({ ...options, ...ids(facts), noise: noiseOf({ noise: "absorbing" }, facts) }),
  }),
  duo: line({
    doc: "Duo's consistency distillation, for models of uniform noise",
    data: "answers",
    networks: { student: "trained", teacher: "copy" },
    refuses: withShift,
    create: ({ vocabularySize }, options: Omit<DuoOptions, "vocabularySize">) =>
      duoMethod({ ...options, vocabularySize }),
  }),
} as const;

export type DistillerName = keyof typeof distillers;

/** A line's name by its name or an alias. Throws a ConfigError that names the nearest. */
export function distillerName(wanted: string): DistillerName {
  const names = Object.keys(distillers) as DistillerName[];
  const found = names.find((name) => name === wanted || distillers[name].aliases?.includes(wanted));
  if (found !== undefined) return found;
  const near = nearest(wanted, names);
  const hint = near === undefined ? `there are ${names.join(", ")}` : `did you mean ${near}?`;
  throw new ConfigError(`no distiller is called ${wanted}; ${hint}`, { wanted });
}
