// Which method a configuration asks for, held against what the model can learn.

import { ConfigError } from "../base/errors.ts";
import { absorbingNoise, type NoiseProcess, uniformNoise } from "../diffusion/noise.ts";
import { logLinear } from "../diffusion/schedule.ts";
import type { Facts } from "../models/family.ts";
import type { TrainConfig } from "./config.ts";
import { answerMethod, blockMethod, type MaskedMethod, rowMethod } from "./masked-method.ts";

/** What an objective must know of model and data. */
export interface ObjectiveContext {
  readonly facts: Facts;
  /** Ids that fill a batch up. */
  readonly padId: number;
  /** Whether examples are texts cut to rows of one length; else prompts and answers. */
  readonly rows: boolean;
  /** Most ids of an example; texts have as many. */
  readonly rowLength: number;
}

/** Throws a ConfigError for combinations that make no sense. */
export function objectiveOf({ objective }: TrainConfig, context: ObjectiveContext): MaskedMethod {
  const { facts, padId, rows } = context;
  const kind = objective.kind === "auto" ? usualKind(facts, rows) : objective.kind;
  refuseWrong(objective, kind, context);
  refuseBrokenBlocks(context);
  const noise = noiseOf(objective, facts);
  if (kind === "rows") return rowMethod(noise);
  const { padding, normalisation, smallest_time: smallestTime } = objective;
  const common = { noise, padId, padding, normalisation, smallestTime };
  if (kind === "answers") return answerMethod({ ...common, shift: facts.shift });
  const { alignment, block_times: times } = objective;
  return blockMethod({ ...common, blockLength: facts.blockLength!, alignment, times });
}

type Objective = TrainConfig["objective"];
type Kind = MaskedMethod["name"];

function usualKind(facts: Facts, rows: boolean): Kind {
  if (facts.blockLength !== undefined) return "blocks";
  return rows && facts.shift === 0 ? "rows" : "answers";
}

function refuseWrong(objective: Objective, kind: Kind, { facts, rows }: ObjectiveContext): void {
  const { family, shift, blockLength, maskId, denoises, recomputes } = facts;
  const wrong = (message: string): never => {
    throw new ConfigError(message, { family, kind });
  };
  if (!denoises) wrong(`a ${family} network is causal and fills in nothing; train a family that denoises`);
  if (objective.shift !== undefined && objective.shift !== (shift === 1)) {
    wrong(
      `objective.shift is ${objective.shift}, and a ${family} network ${shift === 1 ? "predicts every token from the row before it" : "is not shifted"}; leave objective.shift out`,
    );
  }
  if (kind === "rows" && !rows) {
    wrong('objective.kind "rows" needs texts; for prompts and answers use "answers" or "blocks"');
  }
  if (kind === "rows" && shift === 1) {
    wrong(`objective.kind "rows" has no shift, which ${family} needs; use "answers"`);
  }
  if (kind === "blocks" && (recomputes === true || blockLength === undefined)) {
    wrong(`objective.kind "blocks" needs a network that sees block by block (sdar), this is ${family}`);
  }
  if (kind !== "blocks" && blockLength !== undefined) {
    wrong(`a ${family} network sees block by block; use objective.kind "blocks" (or leave it out)`);
  }
  if (objective.noise === "uniform" && family !== "mdlm") {
    wrong(`objective.noise "uniform" is for networks made for it; ${family} was trained with masks`);
  }
  if (objective.noise === "absorbing" && maskId === undefined) {
    wrong(
      `neither ${family}'s configuration nor the tokenizer names a mask; add a mask token to the tokenizer`,
    );
  }
}

/** Texts fill their rows: what a last block had beyond them would be learnt as their end. */
function refuseBrokenBlocks({ facts: { family, blockLength }, rows, rowLength }: ObjectiveContext): void {
  if (blockLength === undefined || (rows ? rowLength % blockLength === 0 : rowLength >= blockLength)) return;
  throw new ConfigError(
    `rows of ${rowLength} tokens are no whole number of blocks of ${blockLength}; give model.length as a multiple of ${blockLength}`,
    { family, rowLength, blockLength },
  );
}

/** LLaDA, Dream and SDAR let the mask's logit count like any other; MDLM takes it out. */
export function noiseOf(
  { noise }: Pick<Objective, "noise">,
  facts: Pick<Facts, "vocabularySize" | "maskId" | "family">,
): NoiseProcess {
  const { vocabularySize, maskId, family } = facts;
  if (noise === "uniform") return uniformNoise({ schedule: logLinear(), vocabularySize });
  const own = family === "mdlm";
  return absorbingNoise({
    schedule: own ? logLinear() : logLinear(0),
    vocabularySize,
    maskId: maskId!,
    maskLogit: !own,
  });
}
