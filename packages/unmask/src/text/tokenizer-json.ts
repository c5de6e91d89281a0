// The three files of a Hugging Face tokenizer, as data: what is read from them is checked here, not trusted.
//
//   tokenizer.json           vocabulary, merges, splitting, added tokens
//   tokenizer_config.json    names of the special tokens, as text or as { content }; more added tokens
//   special_tokens_map.json  the same names; asked where tokenizer_config.json names none
//
// Who has no tokenizer.json: vocab-merges.ts. Which token has which role: special-tokens.ts.
import { CheckpointError } from "../base/errors.ts";

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special?: boolean;
  readonly [option: string]: unknown;
}

export interface Part {
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
  /** Tokens that end a turn of a chat; absent if there are none. */
  readonly endOfTurn?: readonly number[];
}

const largestId = 2 ** 24;

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function refuse(source: string, what: string): never {
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
    if (token.content === "") refuse(source, '"added_tokens" holds an empty token');
    add(token.content, token.id);
  }
  if (idToToken.length === 0) refuse(source, "the vocabulary is empty");
  return { tokenToId, idToToken: Array.from(idToToken) };
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
