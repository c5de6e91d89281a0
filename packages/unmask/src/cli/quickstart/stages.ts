// The stages of the quickstart on the built-in language: stories for DiDi-Instruct, word problems for T3D and d3LLM.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bfloat16Flags } from "@unmask/torch";
import { type ComparedRun, type Comparison, compareRuns } from "../../evaluate/run/comparison.ts";
import { jsonLines, writeWhole } from "../../evaluate/run/files.ts";
import { bundledFolder } from "../../generate/bundled.ts";
import { describe } from "../../language/stories.ts";
import { type TrainConfig, trainConfigSchema } from "../../train/config.ts";
import { mixtureAt, problemAt, storyAt } from "../language.ts";
import type { Grid, Settings, Training } from "./settings.ts";
import type { Stage, StageTools } from "./stage.ts";
import { distillation, runDistillation, runRollout, runSweep, runTraining } from "./work.ts";

export interface Making {
  readonly out: string;
  readonly seed: number;
  readonly settings: Settings;
  /** Also make the teachers that come bundled. */
  readonly fromScratch: boolean;
  /** Processor threads of an operator. */
  readonly threads: number;
}

export interface StageList {
  readonly stages: readonly Stage[];
  /** When all are done. Undefined if it was interrupted. */
  compare(tools: StageTools): Promise<readonly Comparison[] | undefined>;
}

/** Problems that teachers have not seen stand far behind those that they learnt from. */
const firstPrompt = 1_000_000;

/** Of training: the whole stays under five minutes where the processor has bfloat16 products, under ten elsewhere. */
export const minutesOf = ({ minutes }: Pick<Training, "minutes">): number =>
  bfloat16Flags().length > 0 ? minutes : 2 * minutes;

export const trainingSeconds = (training: Training): number => 60 * minutesOf(training) + 3;

/** One model and the settings that it is measured under. */
interface Measured {
  readonly method: string;
  readonly model: string;
  readonly grid: Grid;
  readonly task: string;
  readonly name: string;
}

export function languageStages(making: Making): StageList {
  const groups = [storyModels(making), problemModels(making, "sdar"), problemModels(making, "llada")];
  const lane = (name: string, stages: readonly Stage[]) => stages.map((stage) => ({ ...stage, lane: name }));
  const whole = ({ stages, models }: Group) => [...stages, ...models.map((one) => measureStage(one, making))];
  const [stories, ...problems] = groups;
  return {
    stages: [
      corpusStage(making),
      ...lane("stories", whole(stories!)),
      ...lane("problems", [
        ...(making.fromScratch ? bundledStages(making) : []),
        ...problems.flatMap((group) => whole(group)),
      ]),
    ],
    async compare(tools) {
      const comparisons: Comparison[] = [];
      for (const { models, name, about } of groups) {
        const runs: ComparedRun[] = [];
        for (const one of models) {
          const swept = await runSweep(sweepKeys(one, making), tools);
          if (swept === undefined) return undefined;
          runs.push({ method: one.method, ...swept });
        }
        comparisons.push(compareRuns(runs, { name, about, seed: making.seed }));
      }
      return comparisons;
    },
  };
}

const storiesFile = (out: string): string => join(out, "stories.jsonl");
const promptsFile = (out: string): string => join(out, "prompts.jsonl");

function corpusStage({ out, seed, settings }: Making): Stage {
  const { story, stories, prompts } = settings;
  return {
    ...{ name: "corpus", title: `Corpus of ${stories.toLocaleString("en")} stories`, seconds: 4 },
    async run({ report }) {
      const texts = Array.from({ length: stories }, (_, i) => ({ text: storyAt(story, seed, i).join(" ") }));
      report(0.8, `${stories} stories`);
      writeWhole(storiesFile(out), jsonLines(texts));
      const asked = Array.from({ length: prompts }, (_, i) => {
        const { question, answer } = problemAt("small", "varied", seed, firstPrompt + i);
        return { prompt: question, response: String(answer) };
      });
      writeWhole(promptsFile(out), jsonLines(asked));
      return true;
    },
  };
}

/** Models to compare, and the stages that make them. */
interface Group {
  readonly name: string;
  readonly about: string;
  readonly stages: readonly Stage[];
  readonly models: readonly Measured[];
}

function storyModels({ out, seed, settings, threads }: Making): Group {
  const { teacher, didi, story, grids } = settings;
  const [teacherFolder, studentFolder] = [join(out, "teacher"), join(out, "didi")];
  const data = { path: storiesFile(out), layout: "pad" };
  const words = describe(story).words;
  const training = trainConfigSchema.parse({
    data: { ...data, held_out: 0.02 },
    tokenizer: { kind: "words" },
    model: { ...teacher.model, length: words + 2 },
    train: { ...loop, steps: 20_000, minutes: minutesOf(teacher), ...teacher.train },
    ...{ seed, threads, out: teacherFolder },
  });
  const student = distillation("didi", {
    ...{ distill: didi.distill, model: { path: teacherFolder }, data },
    train: { ...loop, steps: 20_000, minutes: minutesOf(didi), ...didi.train },
    ...{ seed, threads, out: studentFolder },
  });
  const measured = { task: `stories_${story}`, grid: grids.stories };
  return {
    name: "Stories",
    about: `MDLM writes stories of ${words} words of the built-in language, freely; valid are those that its grammar can write. DiDi-Instruct's student learnt from the teacher with a critic's help. NLL: nats a word under the language itself, whose entropy is ${describe(story).entropyPerToken.toFixed(3)}.`,
    stages: [
      {
        ...{ name: "teacher", title: "Teacher of stories (MDLM)", seconds: trainingSeconds(teacher) },
        run: (tools) => runTraining(training, tools),
      },
      {
        ...{ name: "didi", title: "Its student (DiDi-Instruct)", seconds: trainingSeconds(didi) },
        run: (tools) => runDistillation(student, tools),
      },
    ],
    models: [
      { ...measured, name: "stories-teacher", method: "teacher", model: teacherFolder },
      { ...measured, name: "stories-didi", method: "DiDi-Instruct", model: studentFolder },
    ],
  };
}

interface ProblemKind {
  readonly bundled: string;
  readonly method: "t3d" | "d3llm";
  readonly student: string;
  readonly family: string;
  /** It writes. */
  readonly how: string;
}

/** What each bundled teacher is for. */
const problemKinds: Readonly<Record<"sdar" | "llada", ProblemKind>> = {
  sdar: {
    ...{ bundled: "tiny-sdar", method: "t3d", student: "T3D", family: "SDAR" },
    how: "block after block, the steps of a block from a token each to all at once",
  },
  llada: {
    ...{ bundled: "tiny", method: "d3llm", student: "d3LLM", family: "LLaDA" },
    how: "several blocks at once, every token whose entropy is below a threshold",
  },
};

function problemModels(making: Making, kind: keyof typeof problemKinds): Group {
  const { out, seed, settings, threads } = making;
  const { bundled, method, student, family, how } = problemKinds[kind];
  const teacherModel = bundledModel(making, bundled);
  const [trajectories, studentFolder] = [join(out, `rollout-${kind}`), join(out, method)];
  const config = distillation(method, {
    ...{
      distill: settings[method].distill,
      model: { path: teacherModel },
      trajectories: { path: trajectories },
    },
    train: { ...loop, steps: 20_000, minutes: minutesOf(settings[method]), ...settings[method].train },
    ...{ seed, threads, out: studentFolder },
  });
  const asked = {
    ...{
      model: teacherModel,
      data: { path: promptsFile(out), prompt_format: "raw" },
      ...settings.slowest[kind],
    },
    ...{ max_new_tokens: longestAnswer, keep: { verified: "problems" }, batch_size: 64, shard_size: 256 },
    ...{ seed, out: trajectories },
  };
  const measured = { task: "problems_small_varied_faithful", grid: settings.grids[kind] };
  return {
    name: `Word problems, ${family}`,
    about: `${family} solves word problems, ${how}. Faithful are answers whose every step of reasoning is right and told by the question; the right final number stands beside. ${student}'s student learnt from the teacher's right answers and the order in which they were written.`,
    stages: [
      {
        ...{ name: `rollout-${kind}`, title: `Trajectories of ${bundled} (${family})`, seconds: 15 },
        run: (tools) => runRollout(asked, tools),
      },
      {
        ...{ name: method, title: `Its student (${student})`, seconds: trainingSeconds(settings[method]) },
        run: (tools) => runDistillation(config, tools),
      },
    ],
    models: [
      { ...measured, name: `problems-${kind}`, method: "teacher", model: teacherModel },
      { ...measured, name: `problems-${method}`, method: student, model: studentFolder },
    ],
  };
}

/** Of the longest answers to small problems, which have a token a word. */
const longestAnswer = 24;

const bundledModel = ({ out, fromScratch }: Making, name: string): string =>
  fromScratch ? join(out, name) : name;

/** The bundled teachers made anew, as their manifests say. */
function bundledStages({ out, seed, settings, threads }: Making): Stage[] {
  const { examples, minutes } = settings.scratch;
  return [problemKinds.sdar, problemKinds.llada].map(({ bundled, family }): Stage => {
    const data = join(out, `${bundled}.jsonl`);
    return {
      name: bundled,
      title: `Bundled teacher ${bundled} (${family}) from scratch`,
      seconds: trainingSeconds({ minutes, train: {} }),
      run(tools) {
        if (!existsSync(data)) writeWhole(data, jsonLines(examplesOf(bundled, { seed, examples })));
        const made = { data, minutes, seed, threads, out: join(out, bundled) };
        return runTraining(bundledConfig(bundled, made), tools);
      },
    };
  });
}

const examplesOf = (bundled: string, { seed, examples }: { seed: number; examples: number }) =>
  Array.from({ length: examples }, (_, i) => {
    if (bundled === problemKinds.llada.bundled) return mixtureAt(seed, i);
    const { question, reasoning, answer } = problemAt("small", "varied", seed, i);
    return { prompt: question, response: ` ${reasoning} answer ${answer}` };
  });

interface Remade extends Pick<Making, "seed" | "threads" | "out"> {
  readonly data: string;
  readonly minutes: number;
}

function bundledConfig(name: string, { data, minutes, seed, threads, out }: Remade): TrainConfig {
  const manifest = readFileSync(join(bundledFolder(name)!, "manifest.json"), "utf8");
  const { config } = (JSON.parse(manifest) as { training: { config: Record<string, object> } }).training;
  return trainConfigSchema.parse({
    ...config,
    data: { ...config.data, path: data },
    train: { ...config.train, minutes: minutesOf({ minutes }) },
    ...{ threads, seed, out },
  });
}

/** Checkpoints often enough that little is lost; nothing is looked at on the way. */
export const loop = { save_every: 200, evaluate_every: 0, ratios_every: 0, keep: 1 } as const;

function measureStage(measured: Measured, making: Making): Stage {
  const { grid, method, name } = measured;
  return {
    name: `measure-${name}`,
    title: `Measuring ${method === "teacher" ? `the teacher (${name})` : method}`,
    seconds: 2 + 1.5 * grid.values.length,
    run: async (tools) => (await runSweep(sweepKeys(measured, making), tools)) !== undefined,
  };
}

function sweepKeys(
  { model, grid, task, name }: Measured,
  { out, seed, settings, threads }: Making,
): Record<string, unknown> {
  const { decoder, decoder_options, option, values } = grid;
  return {
    ...{ model, tasks: [{ name: task, apply_chat_template: false }], limit: settings.texts, decoder },
    ...(decoder_options === undefined ? {} : { decoder_options }),
    ...{ sweep: [{ option, values }], batch_size: 100, seed, threads, out: join(out, "measured", name) },
  };
}
