// The quickstart on a text of one's own: a teacher, DiDi-Instruct's student and SDTT's, and the teacher as the judge of
// what all three write, for nobody knows the truth of such a text.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { absorbingNoise } from "../../diffusion/noise.ts";
import { logLinear } from "../../diffusion/schedule.ts";
import { meanInterval } from "../../evaluate/intervals.ts";
import type { ComparedPoint, Comparison } from "../../evaluate/run/comparison.ts";
import { varietyOf } from "../../evaluate/run/comparison.ts";
import { jsonText, writeWhole } from "../../evaluate/run/files.ts";
import type { GeneratedSequence } from "../../generate/events.ts";
import { generate } from "../../generate/generate.ts";
import { load, type Model, maskIdOf, tokenizerOf } from "../../generate/load.ts";
import { trainConfigSchema } from "../../train/config.ts";
import { heldOutLoss } from "../../train/held-out.ts";
import { rowMethod } from "../../train/masked-method.ts";
import type { Trajectory } from "../../trajectory/record.ts";
import { defaultsFor } from "../train.ts";
import type { Grid } from "./settings.ts";
import type { Stage, StageTools } from "./stage.ts";
import { loop, type Making, minutesOf, type StageList, trainingSeconds } from "./stages.ts";
import { distillation, runDistillation, runTraining } from "./work.ts";

const metric = "NELBO under the teacher, nats a token";

export function ownTextStages({ out, seed, settings, threads }: Making, path: string): StageList {
  const folder = (name: string) => join(out, name);
  const base = defaultsFor(path) as { data?: object; train?: object; model?: object };
  const data = { ...base.data, path };
  const training = trainConfigSchema.parse({
    ...base,
    ...{ data, seed, threads, out: folder("teacher") },
    train: { ...base.train, ...loop, steps: 20_000, minutes: minutesOf(settings.teacher) },
  });
  const students = (["didi", "sdtt"] as const).map((method) =>
    distillation(method, {
      ...{
        distill: settings[method].distill,
        model: { path: folder("teacher") },
        data: { path, ...base.data },
      },
      train: { ...loop, steps: 20_000, minutes: minutesOf(settings[method]), ...settings[method].train },
      ...{ seed, threads, out: folder(method) },
    }),
  );
  const models = [
    { method: "teacher", name: "teacher" },
    { method: "DiDi-Instruct", name: "didi" },
    { method: "SDTT", name: "sdtt" },
  ];
  const titles = { didi: "Its student (DiDi-Instruct)", sdtt: "Another student (SDTT)" } as const;
  const measuring = { grid: settings.grids.ownText, texts: settings.ownTexts, seed };
  const file = (name: string) => join(out, "measured", `${name}.json`);
  const measureStage = (name: string, lane: string): Stage => {
    const { method } = models.find((one) => one.name === name)!;
    return {
      ...{ name: `measure-${name}`, title: `Measuring ${method}`, seconds: 10, lane },
      async run(tools) {
        const found = await measure(
          { ...measuring, method, model: folder(name), judge: folder("teacher") },
          tools,
        );
        if (found === undefined) return false;
        writeWhole(file(name), jsonText(found));
        return true;
      },
    };
  };
  return {
    stages: [
      {
        ...{ name: "teacher", title: "Teacher (MDLM)", seconds: trainingSeconds(settings.teacher) },
        run: (tools) => runTraining(training, tools),
      },
      ...students.flatMap((config): Stage[] => {
        const method = config.distill.method as keyof typeof titles;
        const seconds = trainingSeconds(settings[method]);
        const lane = titles[method];
        return [
          ...(method === "sdtt" ? [measureStage("teacher", lane)] : []),
          { ...{ name: method, title: lane, lane, seconds }, run: (tools) => runDistillation(config, tools) },
          measureStage(method, lane),
        ];
      }),
    ],
    async compare() {
      const found = models.map(({ name }) => JSON.parse(readFileSync(file(name), "utf8")) as MeasuredTexts);
      return [comparisonOf(found, { path, tokenizer: await tokenizerAt(folder("teacher")) })];
    },
  };
}

async function tokenizerAt(folder: string): Promise<Comparison["tokenizer"]> {
  const model = await load(folder);
  model.dispose();
  return tokenizerOf(model);
}

/** Points, and of each setting the first text for its replay. */
interface MeasuredTexts {
  readonly points: readonly ComparedPoint[];
  readonly shown: readonly { readonly text: string; readonly trajectory: Trajectory }[];
}

interface Measuring {
  readonly method: string;
  readonly model: string;
  readonly judge: string;
  readonly grid: Grid;
  readonly texts: number;
  readonly seed: number;
}

async function measure(
  { method, model: folder, judge: judgeFolder, grid, texts, seed }: Measuring,
  { report, signal }: StageTools,
): Promise<MeasuredTexts | undefined> {
  const model = await load(folder);
  const judge = await load(judgeFolder);
  const points: ComparedPoint[] = [];
  const shown: MeasuredTexts["shown"][number][] = [];
  try {
    for (const [at, value] of grid.values.entries()) {
      report(at / grid.values.length, `${grid.option} ${value}`);
      const written = await write(model, { grid, value, texts, seed, signal });
      if (written === undefined) return undefined;
      const { sequences, trajectory, tokensPerForward } = written;
      const nelbos = nelbosOf(judge, sequences);
      const { mean: score, low, high } = meanInterval(nelbos, seed);
      points.push({
        ...{ method, option: grid.option, value, tokens_per_forward: tokensPerForward, score, low, high },
        forwards_per_answer: sequences.reduce((sum, { nfe }) => sum + nfe, 0) / texts,
        ...varietyOf(
          sequences.map(({ token_ids }) => token_ids),
          seed,
        ),
        beside: {},
      });
      shown.push({ text: sequences[0]!.text, trajectory });
    }
    return { points, shown };
  } finally {
    model.dispose();
    judge.dispose();
  }
}

interface Writing {
  readonly grid: Grid;
  readonly value: number;
  readonly texts: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** Undefined if it was interrupted. */
async function write(model: Model, { grid, value, texts: count, seed, signal }: Writing) {
  const sequences: GeneratedSequence[] = [];
  let trajectory: Trajectory | undefined;
  for await (const event of generate(model, "", {
    ...{ count, seed, signal, batchSize: 64, stopAtEnd: false, frames: false, decoder: grid.decoder },
    decoderOptions: { ...(grid.decoder_options as Record<string, number>), [grid.option]: value },
    onTrajectory: (one) => {
      // A time is no number that JSON knows, and nobody asks for it.
      if (one.sequence === 0) trajectory = { ...one, seconds: 0 };
    },
  })) {
    if (event.type === "sequence") sequences.push(event.sequence);
    if (event.type === "finish" && trajectory !== undefined && sequences.length === count) {
      return { sequences, trajectory, tokensPerForward: event.totals.tokens_per_forward };
    }
  }
  return undefined;
}

/** Noise drawn for each text's likelihood. */
const draws = 16;

function nelbosOf(judge: Model, sequences: readonly GeneratedSequence[]): number[] {
  const { vocabularySize, givenBegin } = judge.facts;
  const method = rowMethod(
    absorbingNoise({ schedule: logLinear(), vocabularySize, maskId: maskIdOf(judge) }),
  );
  return sequences.map(({ prompt_ids, token_ids }) => {
    const row = { ids: [...prompt_ids, ...token_ids], promptLength: givenBegin === true ? 1 : 0 };
    return heldOutLoss(judge.network, method, [row], { seed: 0, products: "float32", draws });
  });
}

function comparisonOf(
  found: readonly MeasuredTexts[],
  { path, tokenizer }: { path: string; tokenizer: Comparison["tokenizer"] },
): Comparison {
  const points = found.flatMap((one) => one.points);
  const settings = found[0]!.points.length;
  const fast = Math.floor((2 * settings) / 3);
  const answer = (model: number, setting: number) => {
    const { method, option, value } = found[model]!.points[setting]!;
    return { label: `${method}, ${option} ${value}`, verdict: "", ...found[model]!.shown[setting]! };
  };
  return {
    ...{ name: "Your text", metric, is_share: false, points, tokenizer },
    about: `Models of ${path}. The teacher judges what all write: its NELBO is low for texts that it takes for likely, which says little where the entropy is low too.`,
    examples: [{ prompt: "", answers: [answer(0, 0), ...found.map((_, model) => answer(model, fast))] }],
  };
}
