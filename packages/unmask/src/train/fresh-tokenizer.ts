// A tokenizer for a fresh model, made from its training data.

import { trainingTexts } from "../data/training-texts.ts";
import { byteTokenizer, trainBpeTokenizer, trainWordTokenizer } from "../text/new-tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { TrainConfig } from "./config.ts";

export async function makeTokenizer({ tokenizer, data }: TrainConfig): Promise<Tokenizer> {
  if (tokenizer.kind === "bytes") return byteTokenizer();
  const texts = await trainingTexts(data);
  return tokenizer.kind === "words"
    ? trainWordTokenizer(texts)
    : trainBpeTokenizer(texts, { size: tokenizer.size });
}
