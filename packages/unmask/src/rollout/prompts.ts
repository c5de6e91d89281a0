// The prompts of a rollout: read from data, each once. Two rows with the same prompt are one, whatever stands beside it.

import { createHash } from "node:crypto";
import { DataError } from "../base/errors.ts";
import { dataConfigSchema } from "../data/config.ts";
import { findFiles } from "../data/files.ts";
import type { Fields } from "../data/row.ts";
import { rowsOf } from "../data/rows.ts";
import { type ChatMessage, checkMessages } from "../text/chat-messages.ts";
import type { RolloutConfig } from "./config.ts";

export interface RolloutPrompt {
  /** Its place among the different ones: the number that random draws are keyed by. */
  readonly number: number;
  /** Of its content. */
  readonly hash: string;
  readonly prompt: string | readonly ChatMessage[];
  /** The right answer, where the data have one. */
  readonly gold: string | undefined;
}

export interface Prompts {
  readonly prompts: readonly RolloutPrompt[];
  readonly duplicates: number;
  readonly corrupt: number;
  /** Digest of all prompts, their gold answers and their order. */
  readonly fingerprint: string;
}

/** Throws a DataError for a corrupt row, unless those are skipped, and for data without a prompt. */
export async function readPrompts({ data }: Pick<RolloutConfig, "data">): Promise<Prompts> {
  const prompts = new Map<string, RolloutPrompt>();
  const digest = createHash("sha256");
  let [duplicates, corrupt] = [0, 0];
  for await (const found of foundPrompts(data)) {
    if (prompts.size >= (data.limit ?? Number.POSITIVE_INFINITY)) break;
    const hash = "problem" in found ? "" : hashOf(found);
    if ("problem" in found) corrupt++;
    else if (prompts.has(hash)) duplicates++;
    else {
      digest.update(hash).update(found.gold ?? "");
      prompts.set(hash, { ...found, hash, number: prompts.size });
    }
  }
  if (prompts.size === 0) {
    throw new DataError(`${[data.path].flat().join(", ")}: no prompt in it; give a file with prompts`);
  }
  return { prompts: [...prompts.values()], duplicates, corrupt, fingerprint: digest.digest("hex") };
}

const hashOf = ({ prompt }: Pick<RolloutPrompt, "prompt">): string =>
  createHash("sha256").update(JSON.stringify(prompt)).digest("hex");

async function* foundPrompts(data: RolloutConfig["data"]): AsyncGenerator<Found> {
  const {
    gold_field: goldField,
    prompt_format: _format,
    limit: _limit,
    prompt_suffix: _suffix,
    ...rest
  } = data;
  const config = dataConfigSchema.parse(rest);
  const fields = goldField === undefined ? [] : [goldField];
  for (const file of await findFiles(config.path, config, { split: config.split })) {
    for await (const row of rowsOf(file, config, { fields })) {
      const found = "problem" in row ? row : promptOf(row.fields, data);
      if ("problem" in found && data.on_corrupt === "fail") {
        const message = `${row.place}: ${found.problem}; or leave such rows out with data.on_corrupt=skip`;
        throw new DataError(message, { place: row.place });
      }
      yield found;
    }
  }
}

type Found = Pick<RolloutPrompt, "prompt" | "gold"> | { readonly problem: string };

function promptOf(fields: Fields, names: RolloutConfig["data"]): Found {
  const goldField = names.gold_field ?? names.response_field;
  const gold = textOf(fields[goldField]);
  if (names.gold_field !== undefined && gold === undefined) {
    return { problem: `the field "${goldField}" holds no answer; set data.gold_field` };
  }
  const messages = fields[names.messages_field];
  if (messages !== undefined && messages !== null)
    return conversationOf(messages, names.messages_field, gold);
  const prompt = fields[names.prompt_field];
  if (typeof prompt === "string" && prompt !== "") return { prompt: prompt + names.prompt_suffix, gold };
  const known = Object.keys(fields).slice(0, 8).join(", ");
  return {
    problem: `neither "${names.prompt_field}" nor "${names.messages_field}" holds a prompt; the fields are: ${known}; set data.prompt_field or data.messages_field`,
  };
}

/** A recorded answer at the end is no part of the prompt: it is the gold one, unless another is named. */
function conversationOf(messages: unknown, name: string, gold: string | undefined): Found {
  try {
    checkMessages(messages);
  } catch (error) {
    return { problem: `the field "${name}": ${(error as Error).message}` };
  }
  const last = messages.findLastIndex(({ role }) => role !== "assistant");
  if (last < 0) return { problem: `the field "${name}" holds no message to answer` };
  const answer = messages[last + 1]?.content ?? undefined;
  return { prompt: messages.slice(0, last + 1), gold: gold ?? answer };
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "bigint" ? String(value) : undefined;
}
