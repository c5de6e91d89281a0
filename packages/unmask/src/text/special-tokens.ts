// Which tokens are special, and which role each plays.
//
// `completeTokenizer` gathers added tokens from every file that may hold them: tokenizer.json first, then
// tokenizer_config.json's `added_tokens_decoder` (MDLM's mask at 50257 stands only there), then added_tokens.json. A
// token is special if its entry says so or if a role names it. The same token with two ids is an error.
//
// Roles: `mask_token`, `eos_token`, ... of tokenizer_config.json, else of special_tokens_map.json. A role that names a
// token of no vocabulary is an error: training would silently learn garbage. Where nothing names the mask, it is the
// one special token whose text is a known spelling of it; two of them, and there is none.
import { type AddedToken, isRecord, refuse, type Specials, type TokenizerFiles } from "./tokenizer-json.ts";

const roles = {
  mask: "mask_token",
  eos: "eos_token",
  pad: "pad_token",
  bos: "bos_token",
  unknown: "unk_token",
} as const;
const otherNames = ["cls_token", "sep_token"];

const maskTexts = ["<|mdm_mask|>", "<|mask|>", "<|MASK|>", "[MASK]", "<mask>"];
const turnEnds = ["<|im_end|>", "<|eot_id|>"];

type Names = Pick<TokenizerFiles, "config" | "specialTokens">;

/** The text of an entry that is text or { content }. */
export const textOf = (entry: unknown): unknown => (isRecord(entry) ? entry.content : entry);

/** Every text that a role or a list of further special tokens names. */
export function namedSpecials({ config, specialTokens = {} }: Names): Set<string> {
  const entries = [config, specialTokens].flatMap((file) => {
    const more = file.additional_special_tokens;
    return [
      ...[...Object.values(roles), ...otherNames].map((name) => file[name]),
      ...(Array.isArray(more) ? more : []),
    ];
  });
  return new Set(entries.map(textOf).filter((text) => typeof text === "string"));
}

/** The same files, with all added tokens in `tokenizer.added_tokens`; the very same object if nothing was missing. */
export function completeTokenizer(
  files: TokenizerFiles,
  source: string,
  legacy: Readonly<Record<string, unknown>> = {},
): TokenizerFiles {
  const given: unknown = files.tokenizer?.added_tokens ?? [];
  if (!Array.isArray(given) || !given.every(isRecord)) return files; // refused where the vocabulary is read
  const named = namedSpecials(files);
  const tokens = new Map<unknown, AddedToken>();
  for (const token of given as unknown as AddedToken[]) {
    const special = token.special === true || named.has(token.content);
    tokens.set(token.content, special === (token.special === true) ? token : { ...token, special });
  }
  const add = (token: AddedToken) => {
    const known = tokens.get(token.content);
    if (known === undefined) tokens.set(token.content, token);
    else if (known.id !== token.id) {
      refuse(source, `the token ${JSON.stringify(token.content)} has the ids ${known.id} and ${token.id}`);
    } else if (token.special && !known.special) tokens.set(token.content, { ...known, special: true });
  };
  for (const token of configTokens(files.config, source)) {
    add({ ...token, special: token.special === true || named.has(token.content) });
  }
  for (const [content, id] of Object.entries(legacy)) {
    add({ id: id as number, content, special: named.has(content) });
  }
  const added_tokens = [...tokens.values()];
  const same = added_tokens.length === given.length && added_tokens.every((token, at) => token === given[at]);
  return same ? files : { ...files, tokenizer: { ...files.tokenizer, added_tokens } };
}

function configTokens(config: TokenizerFiles["config"], source: string): AddedToken[] {
  const entries = config.added_tokens_decoder ?? {};
  if (!isRecord(entries))
    return refuse(source, '"added_tokens_decoder" of tokenizer_config.json is no object');
  return Object.entries(entries).map(([id, entry]) => {
    if (isRecord(entry) && typeof entry.content === "string" && /^\d+$/.test(id)) {
      return { ...entry, id: Number(id), content: entry.content };
    }
    return refuse(
      source,
      `"added_tokens_decoder" of tokenizer_config.json has no token at ${JSON.stringify(id)}`,
    );
  });
}

export function readSpecials(
  { config, specialTokens, tokenizer }: TokenizerFiles,
  tokenToId: ReadonlyMap<string, number>,
  source: string,
): Specials {
  const specials: Record<string, number> = {};
  for (const [role, name] of Object.entries(roles)) {
    const entry = config[name] ?? specialTokens?.[name];
    if (entry === undefined || entry === null) continue;
    const token = textOf(entry);
    const id = typeof token === "string" ? tokenToId.get(token) : undefined;
    if (id === undefined)
      refuse(source, `${name} is ${JSON.stringify(token)}, which is not in the vocabulary`);
    specials[role] = id;
  }
  const special = (tokenizer.added_tokens ?? []).filter((token) => token.special);
  const idsOf = (texts: readonly string[]) =>
    texts.flatMap((text) => special.find(({ content }) => content === text)?.id ?? []);
  const masks = idsOf(maskTexts);
  const endOfTurn = idsOf(turnEnds);
  return {
    ...specials,
    ...(specials.mask === undefined && masks.length === 1 ? { mask: masks[0]! } : {}),
    ...(endOfTurn.length > 0 ? { endOfTurn } : {}),
  };
}
