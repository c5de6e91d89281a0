// The three files of a Hugging Face tokenizer, as data: what is read from them is checked here, not trusted.
//
//   tokenizer.json           vocabulary, merges, splitting, added tokens
//   tokenizer_config.json    names of the special tokens, as text or as { content }
//   special_tokens_map.json  the same names; asked where tokenizer_config.json names none
//
// A special token that is named but stands in no vocabulary is an error: training would silently learn garbage.
import { CheckpointError } from "../base/errors.ts";

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special?: boolean;
  readonly [option: string]: unknown;
}

interface Part {
  readonly type: string;
  readonly [option: string]: unknown;
}

export interface TokenizerJson {
  readonly added_tokens?: readonly AddedToken[];
  readonly normalizer?: Part | null;
  readonly pre_tokenizer?: Part | null;
  readonly post_processor?: Part | null;
  readonly decoder?: Part | null;
  readonly model: {
    readonly type?: string;
    readonly vocab?: Readonly<Record<string, number>> | readonly (readonly [string, number])[];
    readonly merges?: readonly unknown[];
    readonly unk_token?: string | null;
    readonly [option: string]: unknown;
  };
  readonly [option: string]: unknown;
}

export interface TokenizerFiles {
  readonly tokenizer: TokenizerJson;
  readonly config: Readonly<Record<string, unknown>>;
  readonly specialTokens?: Readonly<Record<string, unknown>>;
}

export interface Specials {
  readonly mask?: number;
  readonly eos?: number;
  readonly pad?: number;
  readonly bos?: number;
  readonly unknown?: number;
}

const largestId = 2 ** 24;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function refuse(source: string, what: string): never {
  throw new CheckpointError(`${source}: ${what}; fetch or save the tokenizer again`, { file: source });
}

/** Both directions of the vocabulary, added tokens included; ids must be integers and unique. */
export function vocabularyOf(json: TokenizerJson, source: string) {
  if (!isRecord(json) || !isRecord(json.model)) refuse(source, 'there is no "model" object');
  const { vocab } = json.model;
  if (!Array.isArray(vocab) && !isRecord(vocab)) refuse(source, 'there is no "model.vocab"');
  if (json.added_tokens !== undefined && !Array.isArray(json.added_tokens)) {
    refuse(source, '"added_tokens" is not a list');
  }
  const tokenToId = new Map<string, number>();
  const idToToken: (string | undefined)[] = [];
  const add = (token: unknown, id: unknown) => {
    if (
      typeof token !== "string" ||
      !Number.isInteger(id) ||
      (id as number) < 0 ||
      (id as number) >= largestId
    ) {
      refuse(
        source,
        `token ${JSON.stringify(token)} has the id ${JSON.stringify(id)}, not a small whole number`,
      );
    }
    const other = idToToken[id as number];
    if (other !== undefined && other !== token) {
      refuse(source, `the tokens ${JSON.stringify(other)} and ${JSON.stringify(token)} share the id ${id}`);
    }
    tokenToId.set(token, id as number);
    idToToken[id as number] = token;
  };
  if (Array.isArray(vocab)) for (const [id, entry] of vocab.entries()) add((entry as unknown[])?.[0], id);
  else for (const [token, id] of Object.entries(vocab as Record<string, number>)) add(token, id);
  for (const token of json.added_tokens ?? []) {
    if (!isRecord(token)) refuse(source, '"added_tokens" holds something that is no object');
    add(token.content, token.id);
  }
  if (idToToken.length === 0) refuse(source, "the vocabulary is empty");
  return { tokenToId, idToToken: Array.from(idToToken) };
}

const names = {
  mask: "mask_token",
  eos: "eos_token",
  pad: "pad_token",
  bos: "bos_token",
  unknown: "unk_token",
};

export function readSpecials(
  { config, specialTokens }: TokenizerFiles,
  tokenToId: ReadonlyMap<string, number>,
  source: string,
): Specials {
  const specials: Record<string, number> = {};
  for (const [role, name] of Object.entries(names)) {
    const entry = config[name] ?? specialTokens?.[name];
    if (entry === undefined || entry === null) continue;
    const token = isRecord(entry) ? entry.content : entry;
    const id = typeof token === "string" ? tokenToId.get(token) : undefined;
    if (id === undefined)
      refuse(source, `${name} is ${JSON.stringify(token)}, which is not in the vocabulary`);
    specials[role] = id;
  }
  return specials;
}

/** One text for all spellings of the same tokenizer: keys sorted, only what decides ids and text. */
export function canonical(json: TokenizerJson, specials: Specials): string {
  const { added_tokens = [], normalizer = null, pre_tokenizer = null, decoder = null, model } = json;
  return JSON.stringify(
    { added_tokens, normalizer, pre_tokenizer, decoder, model, specials },
    (_key, value) => {
      return isRecord(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
        : value;
    },
  );
}
