// @ts-check
// A small random model that can be talked to: a network of the families' proportions, a tokenizer of bytes, a template.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { byteTokenizer } from "../../packages/unmask/dist/text/new-tokenizer.js";
import { createTokenizer } from "../../packages/unmask/dist/text/tokenizer.js";
import { saveTokenizer } from "../../packages/unmask/dist/text/tokenizer-files.js";
import { defaultCache, namedCheckpoint } from "../models/checkpoints.mjs";

/** 256 bytes, and eight more: the end is the first of them, the mask the fifth, as shapes.mjs has it. */
const vocabulary = 264;
const shapes = {
  // LLaDA's heads share its width among them, and here a head has 128.
  llada: { hidden: 128, layers: 2, heads: 1, keyHeads: 1, inner: 256, vocabulary },
  sdar: { hidden: 64, layers: 2, heads: 2, keyHeads: 1, inner: 128, vocabulary },
};
/** Standard deviation of the logits: far apart, so that no rounding decides between two tokens. */
const spread = 15;
const template =
  "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}";

/**
 * Its folder, made if it is not there.
 * @param {"llada" | "sdar"} family
 * @param {(text: string) => void} say
 */
export async function talkingModel(family, say) {
  const options = { cache: defaultCache, dtype: /** @type {const} */ ("float32"), say, spread };
  const folder = namedCheckpoint(`${family}-talking`, { family, shape: shapes[family] }, options);
  if (existsSync(join(folder, "tokenizer.json"))) return folder;
  const { tokenizer, ...files } = byteTokenizer().files;
  const [end, mask] = /** @type {[Added, Added]} */ (tokenizer.added_tokens);
  const added = Array.from({ length: 8 }, (_, i) => ({ ...end, id: 256 + i, content: `<|extra_${i}|>` }));
  added[0] = { ...end, id: 256 };
  added[4] = { ...mask, id: 260 };
  await saveTokenizer(
    createTokenizer({ ...files, tokenizer: { ...tokenizer, added_tokens: added } }),
    folder,
  );
  writeFileSync(join(folder, "chat_template.jinja"), template);
  return folder;
}

/** @typedef {NonNullable<ReturnType<typeof byteTokenizer>["files"]["tokenizer"]["added_tokens"]>[number]} Added */
