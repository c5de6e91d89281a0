// A training run's metrics and an evaluation's folder, in the shapes that unmask writes.

import { type Stream, uniform } from "#unmask/base/rng.ts";
import type { TrainEvent } from "#unmask/train/events.ts";
import { type Made, makeTrajectories, maskId } from "./trajectories.ts";

const noise = (step: number, sequence: number): number =>
  uniform({ seed: 5, stream: 1 as Stream }, sequence, step, 0) - 0.5;

/** Events of the first `until` of 2,000 steps. */
export function metricsLines(until: number): string {
  const steps = 2000;
  const events: TrainEvent[] = [
    {
      ...{
        type: "start",
        folder: "runs/train",
        method: "rows",
        parameters: 1_312_256,
        trainedParameters: 1_312_256,
      },
      ...{
        rows: 20_000,
        rowLength: 64,
        heldOutRows: 200,
        steps,
        batchSize: 32,
        fromStep: 0,
        estimatedBytes: 2e8,
      },
      ...{ dtype: "float32", threads: 2, workers: 1, warnings: [] },
    },
  ];
  let smoothed = 6;
  for (let step = 10; step <= until; step += 10) {
    const mean = 1.1 + 4.9 * Math.exp(-step / 300);
    const loss = mean * (1 + 0.9 * noise(step, 1));
    smoothed = 0.95 * smoothed + 0.05 * loss;
    events.push({
      ...{ type: "step", step, steps, loss, smoothedLoss: smoothed, learningRate: rate(step, steps) },
      ...{ gradientNorm: 0.6 + 3 * Math.exp(-step / 120) + 0.3 * noise(step, 2) },
      ...{
        tokensPerSecond: 9200 + 900 * noise(step, 3),
        seconds: step / 10,
        secondsLeft: (steps - step) / 10,
      },
    });
    if (step % 50 === 0) {
      const buckets = Array.from({ length: 10 }, (_, at) => {
        const loss =
          0.25 + 0.28 * at + (5 - 0.3 * at) * Math.exp(-step / (150 + 60 * at)) + 0.08 * noise(step, 4 + at);
        return { from: at / 10, to: (at + 1) / 10, loss, count: 300 };
      });
      events.push({ type: "ratios", step, buckets });
    }
    if (step % 250 === 0) {
      const nelbo = 1.2 + 4 * Math.exp(-step / 350);
      events.push({ type: "evaluate", step, metrics: { nelbo, nats_per_byte: nelbo / 4.3 } });
    }
  }
  return events.map((event) => `${JSON.stringify(event)}\n`).join("");
}

const rate = (step: number, steps: number): number =>
  step < 100 ? (1e-3 * step) / 100 : 0.5e-3 * (1 + Math.cos((Math.PI * (step - 100)) / (steps - 100)));

/** An evaluation of 60 questions; the first three have their trajectories. */
export async function evaluationFiles(): Promise<Made[]> {
  const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const samples = Array.from({ length: 60 }, (_, at) => {
    const [kites, more] = [2 + (at % 5), 1 + (at % 7)];
    const isRight = at % 3 !== 1;
    const isUnparsed = at % 12 === 7;
    const answer = isUnparsed
      ? "Anna likes kites."
      : `${kites} plus ${more} is ${kites + more}. #### ${kites + more + (isRight ? 0 : 1)}`;
    return {
      ...{
        doc_id: at,
        target: String(kites + more),
        filtered_resps: [isUnparsed ? "[invalid]" : answer.slice(-2).trim()],
      },
      arguments: {
        gen_args_0: {
          arg_0: `Question: Anna has ${kites} kites and gets ${more} <b>more</b>. How many has she?\nAnswer:`,
        },
      },
      resps: [[answer]],
      unmask: {
        id: `kites/${at}`,
        verdicts: [
          {
            correct: isRight && !isUnparsed,
            unparsed: isUnparsed,
            extracted: isUnparsed ? undefined : answer.slice(-2).trim(),
            reason: isRight ? "equal" : "another number",
          },
        ],
        ...(at < 3 ? { trajectory: { file: "trajectories/kites.parquet", rows: [at] } } : {}),
        answers: [{ tokens: 12 + (at % 4), forwards: 5 + (at % 3), finish_reason: "stop" }],
      },
    };
  });
  const interval = (mean: number, low: number, high: number) => ({
    ...{
      mean,
      low,
      high,
      stderr: 0.06,
      level: 0.95,
      interval: "wilson",
      is_share: true,
      higher_is_better: true,
    },
  });
  const results = {
    results: { kites: { alias: "kites", "exact_match,strict-match": 0.6 } },
    ...{ model_name: "runs/student", config: { random_seed: 7 } },
    unmask: {
      ...{
        version: "0.1.0",
        decoder: "multi_block",
        options: { threshold: 0.5, block_length: 32 },
        fidelity: "corrected",
      },
      tasks: {
        kites: {
          ...{ questions: 60, unparsed: 5, graders_cut: 0, prompts_cut: 0 },
          metrics: {
            "exact_match,strict-match": interval(0.6, 0.474, 0.714),
            "exact_match,flexible": interval(0.617, 0.49, 0.729),
          },
          decoding: { tokens_per_forward: 2.31, forwards_per_answer: 5.9 },
        },
      },
    },
  };
  const manifest = {
    ...{ format: "unmask evaluation", version: 1, identity: {}, config: {} },
    machine: { cpu: "2 virtual cores", node: "v20" },
  };
  const student = (await makeTrajectories()).find(({ name }) => name === "student.parquet")!;
  return [
    { name: "eval/results.json", bytes: text(results) },
    { name: "eval/manifest.json", bytes: text(manifest) },
    {
      name: "eval/samples_kites.jsonl",
      bytes: new TextEncoder().encode(samples.map((one) => `${JSON.stringify(one)}\n`).join("")),
    },
    { name: "eval/trajectories/kites.parquet", bytes: student.bytes },
  ];
}

/** A tokenizer.json of whole words for the ids of a file without texts. */
export function wordTokenizer(size: number): Uint8Array {
  const vocab = Object.fromEntries(
    Array.from({ length: size }, (_, id) => [id === maskId ? "<mask>" : `w${id}`, id]),
  );
  const tokenizer = {
    ...{ model: { type: "WordLevel", vocab, unk_token: "w2" }, pre_tokenizer: { type: "WhitespaceSplit" } },
    added_tokens: [{ id: maskId, content: "<mask>", special: true }],
  };
  return new TextEncoder().encode(JSON.stringify(tokenizer));
}
