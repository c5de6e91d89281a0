// @ts-check
// Which folder may import which. Reading order is dependency order: a folder may use some of what stands before it
// and never what stands after it. Tests (*.test.ts) and contract suites (contract.ts) may import anything, and no
// other file may import them. `index.ts` of a package re-exports, so it may import every folder of its package.

/**
 * @typedef {object} Rule
 * @property {string[]} may folders of the same package, and "torch" for packages/torch
 * @property {string} [reason] what a forbidden import of a folder would break
 * @property {"any" | "none"} [npm] packages from npm; "any" unless said
 * @property {"any" | "no-files" | "none"} [node] Node's own modules: "no-files" forbids node:fs; "any" unless said
 *
 * @typedef {object} Exception
 * @property {string} file relative to the package's src
 * @property {string[]} may folders, single files or npm packages that this file may import besides its folder's rule;
 *   "import()" for a module that only the user knows
 * @property {string} reason
 *
 * @typedef {object} Package
 * @property {string} source
 * @property {string[]} [beside] folders of the package beside its source that count as folders of the table
 * @property {Record<string, Rule>} folders
 * @property {Exception[]} exceptions
 */

/** @type {Package} */
const torch = {
  source: "packages/torch/src",
  beside: ["setup"],
  folders: {
    setup: { may: [], npm: "none", reason: "the set-up runs before anything is built" },
    generated: { may: [], npm: "none", reason: "generated functions are one line each over core" },
    core: {
      may: ["setup", "generated"],
      npm: "none",
      reason: "core knows tensors, not layers or file formats",
    },
    nn: { may: ["core", "generated"], npm: "none", reason: "layers are made of core" },
    optim: { may: ["core", "generated", "nn"], npm: "none", reason: "optimisers know parameters, not files" },
    io: { may: ["core", "generated"], npm: "none", reason: "file formats know tensors, not layers" },
    distributed: {
      may: ["core", "generated", "optim"],
      npm: "none",
      reason: "processes exchange tensors; they know no network and no file",
    },
  },
  exceptions: [
    { file: "generated/ops.ts", may: ["core"], reason: "the boxed call that every generated function makes" },
  ],
};

/** @type {Package} */
const unmask = {
  source: "packages/unmask/src",
  folders: {
    base: { may: [], npm: "none", node: "no-files", reason: "base stands alone" },
    language: { may: ["base"], npm: "none", node: "no-files", reason: "the grammar is pure arithmetic" },
    hub: { may: ["base"], reason: "the hub brings files and does not look into them" },
    trajectory: {
      may: ["base"],
      npm: "none",
      node: "none",
      reason: "trajectories are read in a browser too",
    },
    text: { may: ["base", "language"], reason: "text turns strings into tokens, without tensors" },
    data: {
      may: ["base", "language", "text", "hub"],
      reason: "data turns rows of files into tokens; it knows neither tensors nor noise",
    },
    diffusion: { may: ["base", "torch"], npm: "none", reason: "the mathematics of noise knows no network" },
    models: { may: ["base", "diffusion", "torch"], reason: "networks know no decoding and no loss" },
    decode: {
      may: ["base", "trajectory"],
      npm: "none",
      reason: "policies run on host arrays, without tensors",
    },
    structure: {
      may: ["base", "decode"],
      reason:
        "what a text must look like is arithmetic on bytes: it knows no network and no tokenizer's files",
    },
    propose: {
      may: ["base", "diffusion", "models", "decode", "torch"],
      npm: "none",
      reason: "the only forward pass of decoding: it reduces logits on the device to what policies look at",
    },
    generate: {
      may: [
        ...["base", "hub", "trajectory", "text", "diffusion", "models", "decode", "structure", "propose"],
        "torch",
      ],
      reason: "generate joins text, models and decode",
    },
    grade: {
      may: ["base", "language", "text"],
      reason: "grading looks at answers, not at how they came about",
    },
    rollout: {
      may: [
        ...["base", "language", "trajectory", "text", "data", "models", "decode", "generate", "grade"],
        "torch",
      ],
      reason: "rollouts record answers, and keep those that graders find right; they do not train",
    },
    train: {
      may: ["base", "language", "text", "data", "diffusion", "models", "torch"],
      reason: "the one training loop knows no distiller and no decoding",
    },
    distill: {
      may: ["base", "trajectory", "diffusion", "models", "decode", "propose", "train", "torch"],
      npm: "none",
      reason: "a distiller is data in, data out: no text, no files, no second loop",
    },
    evaluate: {
      may: [
        ...["base", "language", "hub", "trajectory", "text", "data", "models", "decode", "generate", "grade"],
        "rollout",
      ],
      reason: "evaluation asks, and judges what was generated; it does not train",
    },
    distilling: {
      may: [
        ...["base", "trajectory", "text", "data", "diffusion", "models", "generate", "rollout", "train"],
        ...["distill", "torch"],
      ],
      reason: "a distillation brings model, trajectories and method to the loop; it has no loss of its own",
    },
    serve: {
      may: ["base", "trajectory", "text", "models", "decode", "structure", "generate"],
      reason: "the server streams what generate yields",
    },
    cli: {
      may: [
        ...[
          "base",
          "language",
          "hub",
          "trajectory",
          "text",
          "data",
          "diffusion",
          "models",
          "decode",
          "structure",
          "propose",
          "generate",
          "grade",
        ],
        ...["rollout", "train", "distill", "distilling", "evaluate", "serve", "torch"],
      ],
    },
  },
  exceptions: [
    {
      file: "decode/policies/reward-guided.ts",
      may: ["diffusion/schedule.ts"],
      reason: "noise levels are the schedule's to say; that file is plain arithmetic",
    },
    {
      file: "decode/policies/ancestral.ts",
      may: ["diffusion/schedule.ts"],
      reason: "when a position is revealed is the schedule's to say; that file is plain arithmetic",
    },
    {
      file: "evaluate/perplexity.ts",
      may: ["torch"],
      reason: "a judge's likelihoods of finished texts: no decoding computes them",
    },
    {
      file: "evaluate/likelihood.ts",
      may: ["torch", "diffusion/objective.ts"],
      reason: "likelihoods of given continuations: no decoding computes them",
    },
    {
      file: "evaluate/tasks/user-module.ts",
      may: ["import()"],
      reason: "a task that a user wrote as a module of his own",
    },
    { file: "trajectory/file.ts", may: ["hyparquet", "hyparquet-writer"], reason: "the Parquet codec" },
  ],
};

export const packages = [torch, unmask];
