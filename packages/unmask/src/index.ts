// The library: load a model, write with it, look at what happened.

export type { ErrorData } from "./base/errors.ts";
export {
  CheckpointError,
  ConfigError,
  DataError,
  isUnmaskError,
  UnmaskError,
  UnsupportedError,
  UsageError,
} from "./base/errors.ts";
export { type Canvas, newCanvas } from "./decode/canvas.ts";
export { type DecodeOptions, decode, type SequenceStep } from "./decode/decode.ts";
export type { Decoder, DecoderContext, Fidelity, OptionSpec, OptionValues } from "./decode/decoder.ts";
export { decoders } from "./decode/decoders.ts";
export type { Decision, Plan, Policy, Proposal, Proposer } from "./decode/policies/policy.ts";
export type { Sampling } from "./decode/sampling.ts";
export { scriptedProposer } from "./decode/scripted.ts";
export { type DistillerName, distillerName, distillers } from "./distill/distillers.ts";
export { afterUpdate, firstRound, type Rounds, refreshReference } from "./distill/rounds.ts";
export { type TrajectoryExample, trajectoryExamples } from "./distill/trajectory-example.ts";
export { type AupOptions, aup, type CurvePoint } from "./evaluate/aup.ts";
export { bootstrapCurve, type CurveIntervals, type JudgedPoint } from "./evaluate/bootstrap.ts";
export { type MeanInterval, meanInterval } from "./evaluate/intervals.ts";
export {
  type Judge,
  type PerplexityOptions,
  type TextQuality,
  textQuality,
} from "./evaluate/perplexity.ts";
export { type EvalConfig, evalConfigSchema, sweepConfigSchema } from "./evaluate/run/config.ts";
export { compareRun, readManifest } from "./evaluate/run/reproduce.ts";
export { type EvalEvent, type Evaluated, type EvaluateOptions, evaluate } from "./evaluate/run/run.ts";
export { sweepVariants, writeSweep } from "./evaluate/run/sweep.ts";
export { writeReport, writeResults } from "./evaluate/run/write.ts";
export { scoreItem } from "./evaluate/score-choices.ts";
export { type ChooseDescription, chooseTask } from "./evaluate/tasks/choose-task.ts";
export { integerField, type Row, textField, textsField } from "./evaluate/tasks/documents.ts";
export { type GenerateDescription, generateTask } from "./evaluate/tasks/generate-task.ts";
export { type JudgeOne, judgeEach, matching, share } from "./evaluate/tasks/judge.ts";
export type { OpenTask, Task, TaskOptions, Verdict } from "./evaluate/tasks/task.ts";
export { findTask, taskNames } from "./evaluate/tasks/tasks.ts";
export type {
  GeneratedSequence,
  GenerateEvent,
  GenerateOptions,
  GenerateTotals,
  Prompt,
} from "./generate/events.ts";
export { generate } from "./generate/generate.ts";
export { type LoadOptions, load, type Model } from "./generate/load.ts";
export { TrajectoryShard } from "./generate/trajectory-shard.ts";
export type { HubProgress } from "./hub/progress.ts";
export { families } from "./models/families.ts";
export type { CacheUse, Facts, Family, ForwardOptions, Network } from "./models/family.ts";
export { type LoadedNetwork, loadNetwork } from "./models/load.ts";
export { type AdapterSet, attachAdapters, detachAdapters, loadAdapter } from "./models/lora.ts";
export { mergeAdapters, unmergeAdapters } from "./models/lora-merge.ts";
export { saveAdapter } from "./models/lora-save.ts";
export { type OpenModel, openModel, parameterCount } from "./models/open.ts";
export { KeyValueCache } from "./models/parts/cache.ts";
export type { Visibility } from "./models/parts/visibility.ts";
export { saveLike } from "./models/save.ts";
export { modelProposer, type ProposerOptions } from "./propose/propose.ts";
export type { ChatMessage, ChatTemplate } from "./text/chat-template.ts";
export type { Tokenizer } from "./text/tokenizer.ts";
export { decodeTrajectories, encodeTrajectories, type TrajectoryFile } from "./trajectory/file.ts";
export type { Trajectory, TrajectoryHeader } from "./trajectory/record.ts";
export { replay } from "./trajectory/replay.ts";
export { type TrajectoryStats, trajectoryStats } from "./trajectory/stats.ts";
