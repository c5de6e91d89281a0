// The texts of tokens from a tokenizer.json that somebody put beside a file which has none.

import { textsFor } from "#unmask/generate/token-texts.ts";
import { decodeWhole } from "#unmask/text/decode-stream.ts";
import { completeTokenizer } from "#unmask/text/special-tokens.ts";
import { createEngine } from "#unmask/text/tokenizer-engines.ts";
import { type TokenizerJson, vocabularyOf } from "#unmask/text/tokenizer-json.ts";
import type { TrajectoryFile } from "#unmask/trajectory/file.ts";
import type { TokenTexts } from "#unmask/trajectory/token-texts.ts";

/** Throws a CheckpointError if it is no tokenizer that we know. */
export function textsFrom(tokenizer: TokenizerJson, source: string, file: TrajectoryFile): TokenTexts {
  const files = completeTokenizer({ tokenizer, config: {} }, source);
  const { tokenToId, idToToken } = vocabularyOf(files.tokenizer, source);
  const special = (files.tokenizer.added_tokens ?? []).filter((token) => token.special);
  const engine = createEngine(files, { tokenToId, idToToken, special }, source);
  return textsFor(
    {
      kind: engine.kind,
      idToToken: (id) => idToToken[id],
      decode: (ids) => decodeWhole(engine.stream(false), ids),
    },
    file,
  );
}
