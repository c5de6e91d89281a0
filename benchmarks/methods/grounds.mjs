// @ts-check
// The grounds that methods are compared on: a task, the shape of the network that is at home there, its teacher, what
// learns from it, and the points at which all are measured. Everything is a configuration of one of the toolkit's own
// verbs, so that each stage can be run by hand.

/**
 * @typedef {Record<string, unknown>} Config
 *
 * @typedef {object} Ground
 * @property {string} about
 * @property {import("./stage.mjs").Data[]} data that `unmask language` prints
 * @property {true} [text] learns from text.txt, a copy of `--text FILE`
 * @property {Config} teacher of `unmask train`
 * @property {Config} [judge] of `unmask train`: how likely texts are to it, where nobody knows which are right
 * @property {Config} [rollout] of `unmask rollout`
 * @property {Config} [tuned] of `unmask distill`: what it makes of the teacher is the teacher, and is rolled out again
 * @property {Record<string, Config>} methods of `unmask distill`, by the name in the table
 * @property {{ task: Config, curves: Config[], alone?: Config[] }} measure of `unmask sweep`; alone: of the teacher only
 */

/**
 * @param {"small" | "medium"} size
 * @param {{ count: number, skip: number }} [prompts] what the teacher answers
 */
const problems = (size, prompts = { count: 8_000, skip: 1_000_000 }) => {
  const of = (/** @type {number} */ count, /** @type {number} */ skip) => [
    ...["problems", "--size", size, "--wording", "varied"],
    ...["--count", String(count), "--skip", String(skip)],
  ];
  return [
    { file: "train.jsonl", args: of(60_000, 0) },
    { file: "prompts.jsonl", args: of(prompts.count, prompts.skip) },
    { file: "dev.jsonl", args: of(500, 2_000_000) },
    // Small problems come back: those that were learnt from are left out.
    { file: "test.jsonl", args: of(6_000, 3_000_000), unlike: ["train.jsonl", "prompts.jsonl"] },
  ];
};

/** @param {Config} model */
const problemTeacher = (model) => ({
  data: { path: "train.jsonl", held_out: 0.02 },
  tokenizer: { kind: "words" },
  model: { hidden_size: 128, blocks: 4, heads: 4, length: 48, ...model },
  train: { minutes: 15, batch_size: 64, learning_rate: 3e-3, evaluate_every: 500 },
});

const rollout = {
  data: { path: "prompts.jsonl" },
  max_new_tokens: 23,
  keep: { verified: "problems" },
  batch_size: 64,
};

/** Every method has the same time. */
const student = { minutes: 2.5, batch_size: 64, warmup: 20, schedule: "cosine", learning_rate: 3e-4 };

const joint = { ...student, minutes: 3, schedule: "cosine" };

const longer = { ...student, minutes: 4, warmup: 50 };

const varied = { name: "problems_small_varied" };

const constant = { warmup: 20, schedule: "constant", ema: 0.99 };

/**
 * @param {Config} model
 * @param {number} minutes
 */
const characters = (model, minutes = 20) => ({
  data: { path: "text.txt", held_out: 0.05 },
  tokenizer: { kind: "bytes" },
  model: { family: "mdlm", heads: 4, length: 256, ...model },
  train: { minutes, batch_size: 16, learning_rate: 2e-3, beta2: 0.98, evaluate_every: 2000 },
});

/**
 * Tokens of one forward far apart.
 * @param {number} temperature
 */
const spread = (temperature) => ({
  ...{ decoder: "low_confidence", option: "steps" },
  decoder_options: { remasking: "spread", temperature, block_length: 256 },
});

/** Problems on an MDLM, with its teacher and trajectories. */
const onMdlm = {
  data: problems("small", { count: 12_000, skip: 4_000_000 }),
  teacher: problemTeacher({ family: "mdlm" }),
  rollout: {
    ...{ ...rollout, max_new_tokens: 24 },
    ...{ decoder: "low_confidence", decoder_options: { block_length: 8 } },
  },
};

/** @type {Record<string, Ground>} */
export const grounds = {
  "problems-sdar": {
    about: "word problems with their reasoning, said in five ways; block diffusion, blocks of 4",
    data: problems("small"),
    teacher: problemTeacher({ family: "sdar", block_length: 4 }),
    rollout: { ...rollout, decoder: "block_diffusion", decoder_options: { denoising_steps: 4 } },
    methods: {
      t3d: { distill: { method: "t3d", block_size: 4 }, train: student },
      "t3d, drawn": {
        distill: { method: "t3d", block_size: 4, random_ratio: 0, reference_temp: 1 },
        train: student,
      },
      trajectory: { distill: { method: "trajectory", block_size: 4, random_ratio: 0 }, train: student },
      sft: { distill: { method: "sft", block_size: 4 }, train: student },
    },
    measure: {
      task: { ...varied, data: "test.jsonl" },
      curves: [
        { method: "static", decoder: "block_diffusion", option: "denoising_steps", values: [4, 2, 1] },
      ],
    },
  },
  "problems-llada": {
    about:
      "the same problems; every position sees every other; the teacher also writes stories (recipes/train-tiny.yaml)",
    // Short trainings on fewer trajectories learn them by heart.
    data: [
      ...problems("small", { count: 36_000, skip: 4_000_000 }),
      { file: "mix.jsonl", args: ["mixture", "--count", "84000"] },
    ],
    teacher: {
      data: { path: "mix.jsonl", held_out: 0.01 },
      tokenizer: { kind: "bpe", size: 512 },
      model: { family: "llada", hidden_size: 128, blocks: 4, heads: 4, length: 64 },
      train: { minutes: 20, batch_size: 64, learning_rate: 3e-3, evaluate_every: 1000 },
    },
    rollout: {
      ...{ ...rollout, max_new_tokens: 24 },
      ...{ decoder: "low_confidence", decoder_options: { block_length: 8 } },
    },
    methods: {
      d3llm: {
        distill: { method: "d3llm", progressive_block_sizes: [8, 16, 24] },
        train: { ...longer, learning_rate: 1e-4 },
      },
      dparallel: { distill: { method: "dparallel" }, train: longer },
      sft: { distill: { method: "sft" }, train: longer },
    },
    measure: {
      task: { ...varied, data: "test.jsonl" },
      curves: [
        {
          ...{ method: "entropy", decoder: "multi_block", decoder_options: { block_length: 8 } },
          ...{ option: "threshold", values: [0.03, 0.3, 0.6, 1] },
        },
      ],
    },
  },
  "problems-mdlm": {
    about: "the same problems, one teacher for every method",
    ...onMdlm,
    methods: {
      t3d: { distill: { method: "t3d", block_size: 8 }, train: joint },
      // Where all sees all, the most probable of what one forward from masks alone writes is no text: x̂ is drawn, and states
      // are those of the whole answer.
      "t3d, drawn": { distill: { method: "t3d", random_ratio: 0, reference_temp: 1 }, train: joint },
      trajectory: { distill: { method: "trajectory", block_size: 8, random_ratio: 0 }, train: joint },
      "trajectory, whole": { distill: { method: "trajectory", random_ratio: 0 }, train: joint },
      d3llm: {
        distill: { method: "d3llm", progressive_block_sizes: [8, 16, 24] },
        train: { ...joint, learning_rate: 1e-4 },
      },
      // Published windows are never wholly hidden, and few forwards begin with such a one.
      "d3llm, to 1": {
        distill: { method: "d3llm", progressive_block_sizes: [8, 16, 24], max_mask_ratio: 1 },
        train: { ...joint, learning_rate: 1e-4 },
      },
      dparallel: { distill: { method: "dparallel" }, train: joint },
      sft: { distill: { method: "sft" }, train: joint },
      sdtt: {
        data: { path: "train.jsonl" },
        distill: { method: "sdtt", batch: "answers", orig_num_sampling_steps: 32, min_num_sampling_steps: 4 },
        train: { ...joint, ema: 0.99 },
      },
      didi: {
        data: { path: "train.jsonl" },
        distill: {
          ...{ method: "didi", shared_tau: true, kl: "reverse", kl_hi: 1, kl_lo: 3, credit: "token" },
          ...{ baseline: "leave_one_out", weight_mode: "constant" },
          ...{ discriminator_lr: 1e-3, discriminator_positions: "all", discriminator_warmup_steps: 60 },
        },
        train: { ...joint, batch_size: 16, learning_rate: 1e-4, clip: 1, ema: 0.99 },
      },
    },
    measure: {
      task: { ...varied, data: "test.jsonl" },
      curves: [
        {
          ...{ method: "steps", decoder: "low_confidence", decoder_options: { block_length: 24 } },
          ...{ option: "steps", values: [24, 12, 6, 3] },
        },
        {
          ...{ method: "entropy", decoder: "multi_block", decoder_options: { block_length: 8 } },
          ...{ option: "threshold", values: [0.03, 0.3, 1] },
        },
      ],
    },
  },
  "problems-tuned": {
    about:
      "the same problems; the teacher was fine-tuned on its own right answers first, as published ones are",
    ...onMdlm,
    tuned: { distill: { method: "sft" }, train: joint },
    methods: {
      d3llm: {
        distill: { method: "d3llm", progressive_block_sizes: [8, 16, 24] },
        train: { ...joint, minutes: 5, learning_rate: 1e-4 },
      },
      dparallel: { distill: { method: "dparallel" }, train: { ...joint, minutes: 5, learning_rate: 1e-4 } },
      sft: { distill: { method: "sft" }, train: { ...joint, minutes: 5, learning_rate: 1e-4 } },
    },
    measure: {
      task: { ...varied, data: "test.jsonl" },
      curves: [
        {
          ...{ method: "a token a forward", decoder: "low_confidence", decoder_options: { block_length: 8 } },
          ...{ option: "steps", values: [24] },
        },
        {
          ...{ method: "blocks of 8", decoder: "multi_block", decoder_options: { block_length: 8 } },
          ...{ option: "threshold", values: [0.01, 0.03, 0.06, 0.1] },
        },
        {
          ...{ method: "one block", decoder: "multi_block", decoder_options: { block_length: 24 } },
          ...{ option: "threshold", values: [0.03, 0.06, 0.1, 0.15] },
        },
      ],
    },
  },
  "text-mdlm": {
    about: "a text by its characters, 256 at a time, written from nothing and judged by another network",
    data: [],
    text: true,
    teacher: characters({ hidden_size: 128, blocks: 3 }),
    // Another seed, and larger.
    judge: { ...characters({ hidden_size: 192, blocks: 3 }, 22), seed: 7 },
    methods: {
      didi: {
        data: { path: "text.txt" },
        distill: {
          ...{ method: "didi", shared_tau: true, known_share: 1, kl_hi: 5, kl_lo: 5, credit: "logit" },
          ...{ baseline: "leave_one_out", weight_mode: "constant" },
          ...{ discriminator_lr: 1e-3, discriminator_positions: "all", discriminator_warmup_steps: 60 },
        },
        train: { ...constant, minutes: 10, batch_size: 4, learning_rate: 2e-4, clip: 1 },
      },
      sdtt: {
        data: { path: "text.txt" },
        distill: { method: "sdtt", batch: "rows", orig_num_sampling_steps: 256, min_num_sampling_steps: 16 },
        train: { ...constant, minutes: 10, batch_size: 16, learning_rate: 3e-4 },
      },
    },
    measure: {
      task: { name: "free_text", max_new_tokens: 256 },
      curves: [
        { method: "ancestral", decoder: "ancestral", option: "steps", values: [4, 16, 64] },
        { method: "spread", ...spread(1), values: [4, 8, 16] },
        { method: "spread, temperature 0.95", ...spread(0.95), values: [8, 16] },
      ],
      alone: [{ method: "ancestral", decoder: "ancestral", option: "steps", values: [1024] }],
    },
  },
};
