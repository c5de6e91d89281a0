// What an evaluation's results depend on, as a JSON object: the program, the model, the questions, the decoder, the
// arithmetic. A resumed run must have the same; a manifest holds it, and reproduce says what differs.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, extname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../base/errors.ts";
import type { ModelText } from "../../generate/load.ts";
import type { EvalConfig } from "./config.ts";
import type { Plan, PlannedTask, Setting } from "./plan.ts";

export interface Identity {
  readonly unmask: ProgramIdentity;
  readonly model: ModelIdentity;
  readonly tasks: readonly TaskIdentity[];
  /** The decoders with all their options; where tasks ask for temperatures, those come on top unless one was given. */
  readonly settings: readonly (Omit<Setting, "given"> & { readonly temperature_given: boolean })[];
  readonly run: {
    readonly fidelity: string;
    readonly seed: number;
    readonly batch_size: number;
    readonly device: string;
    readonly dtype: string;
    readonly threads: number;
    readonly likelihood_draws: number;
    /** Of the judge's files, where texts are judged. */
    readonly judge_hash: string | null;
  };
}

interface ProgramIdentity {
  readonly version: string;
  /** Of the working copy that the program runs from, if it does. */
  readonly commit: string | null;
  readonly modified: boolean;
  /** SHA-256 of the code that writes answers. */
  readonly code_hash: string;
  /** Of the code that asks questions, and reads and judges answers. */
  readonly graders_hash: string;
}

export interface ModelIdentity {
  readonly source: string;
  readonly family: string;
  readonly weights_hash: string;
  readonly config_hash: string;
  readonly tokenizer_hash: string;
  readonly template_hash: string;
  /** Of a LoRA adapter's files. */
  readonly adapter_hash: string | null;
}

interface TaskIdentity {
  readonly name: string;
  readonly task: string;
  readonly version: string;
  readonly metrics: readonly string[];
  readonly chat_template: boolean;
  readonly questions: number;
  readonly max_new_tokens: number | null;
  readonly stop: readonly string[];
  readonly temperature: number;
  readonly prompts_hash: string;
  readonly provenance: PlannedTask["task"]["provenance"];
}

export interface Asked {
  readonly config: EvalConfig;
  readonly model: ModelText;
  readonly plan: Plan;
  /** Processor threads of a worker. */
  readonly threads: number;
}

export async function identityOf({ config, model, plan, threads }: Asked): Promise<Identity> {
  const { fidelity, seed, batch_size, device, dtype, likelihood_draws, adapter, judge } = config;
  return {
    unmask: programIdentity(),
    model: {
      source: config.model,
      family: model.facts.family,
      weights_hash: await hashFiles(weightFiles(model.folder)),
      config_hash: await hashFiles([join(model.folder, "config.json")]),
      tokenizer_hash: model.tokenizer?.hash ?? "",
      template_hash: model.template?.hash ?? "",
      adapter_hash: adapter === undefined ? null : await hashFolder(adapter),
    },
    tasks: plan.tasks.map(taskIdentity),
    settings: plan.settings.map(({ given, ...setting }) => ({
      ...setting,
      temperature_given: given.temperature !== undefined,
    })),
    run: {
      ...{ fidelity, seed, batch_size, device, dtype, threads, likelihood_draws },
      judge_hash: judge === undefined ? null : await hashFolder(judge),
    },
  };
}

function taskIdentity({
  name,
  task,
  chat,
  options,
  temperature = 0,
  promptsHash,
}: PlannedTask): TaskIdentity {
  return {
    ...{ name, task: task.name, version: task.version, metrics: task.metrics.map((one) => one.name) },
    ...{ chat_template: chat, questions: task.items.length, max_new_tokens: options.maxNewTokens ?? null },
    ...{ stop: options.stop ?? [], temperature, prompts_hash: promptsHash, provenance: task.provenance },
  };
}

const weightFiles = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".safetensors"))
    .sort()
    .map((name) => join(folder, name));

/** Of a small model's or an adapter's folder: weights and what says how to read them. */
const hashFolder = (folder: string): Promise<string> =>
  hashFiles(
    readdirSync(folder)
      .filter((name) => [".safetensors", ".json", ".txt", ".jinja"].includes(extname(name)))
      .sort()
      .map((name) => join(folder, name)),
  );

/** SHA-256 over names and contents. */
async function hashFiles(paths: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const path of paths) {
    if (!existsSync(path)) continue;
    hash.update(`${basename(path)}\0${statSync(path).size}\0`);
    for await (const piece of createReadStream(path, { highWaterMark: 2 ** 22 }))
      hash.update(piece as Buffer);
  }
  return hash.digest("hex");
}

const sources = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const packageFile = resolve(sources, "../package.json");

/** Code by what depends on it; how results are gathered and shown is neither. */
const writing = ["base", "diffusion", "decode", "generate", "models", "propose", "text"];
const judging = ["grade", "language", join("evaluate", "tasks")];

export function programIdentity(): ProgramIdentity {
  const { version } = JSON.parse(readFileSync(packageFile, "utf8")) as { version: string };
  return {
    version,
    ...commitOf(dirname(packageFile)),
    code_hash: hashTexts(writing.flatMap(codeIn)),
    graders_hash: hashTexts(judging.flatMap(codeIn)),
  };
}

const codeIn = (folder: string): string[] =>
  readdirSync(join(sources, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(?<!\.d|\.test)\.[jt]s$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

function hashTexts(paths: readonly string[]): string {
  const hash = createHash("sha256");
  for (const path of paths) hash.update(`${relative(sources, path)}\0`).update(readFileSync(path));
  return hash.digest("hex");
}

/** Of the repository that holds this program, not of one that it merely lies in. */
function commitOf(folder: string): Pick<ProgramIdentity, "commit" | "modified"> {
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    git("ls-files", "--error-unmatch", "package.json");
    const commit = git("rev-parse", "HEAD");
    return { commit, modified: git("status", "--porcelain", "--untracked-files=no") !== "" };
  } catch {
    return { commit: null, modified: false };
  }
}

export interface Difference {
  /** Dotted. */
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Leaves that differ; what stands on one side only has undefined on the other. */
export function differences(before: unknown, after: unknown, path = ""): Difference[] {
  const isGroup = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null;
  if (!isGroup(before) || !isGroup(after)) {
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path, before, after }];
  }
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) =>
    differences(before[key], after[key], path === "" ? key : `${path}.${key}`),
  );
}

/** Whether the working copy has changes says nothing that the hash of the code does not say better. */
const told = ({ path }: Difference): boolean => path !== "unmask.modified" && path !== "unmask.commit";

/** A run goes on only as what it was begun as. */
export function refuseOtherRun(folder: string, before: unknown, now: Identity): void {
  const [first, ...others] = differences(before, JSON.parse(JSON.stringify(now))).filter(told);
  if (first === undefined) return;
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  throw new UsageError(
    `${folder} was begun with ${first.path} ${show(first.before)}, which is ${show(first.after)} now${more}; give it back, or choose another folder with out=DIR`,
    { folder, path: first.path },
  );
}

export const show = (value: unknown): string => {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "missing");
  return text.length > 40 ? `${text.slice(0, 16)}…` : text;
};
