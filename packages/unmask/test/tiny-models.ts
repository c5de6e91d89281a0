// The parity fixtures' checkpoints as whole models: with a tokenizer of bytes whose special tokens stand where
// config.json says, and a chat template.

import { cpSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { byteTokenizer } from "../src/text/new-tokenizer.ts";
import { createTokenizer } from "../src/text/tokenizer.ts";
import { saveTokenizer } from "../src/text/tokenizer-files.ts";

export const tinyFamilies = ["llada", "dream", "sdar", "mdlm"] as const;
export type TinyFamily = (typeof tinyFamilies)[number];

export const turnTemplate =
  "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}";

/** A new folder in `root` with the family's fixture, ready for generate(). */
export async function tinyModel(
  root: string,
  family: TinyFamily,
  { template = turnTemplate }: { template?: string | undefined } = {},
): Promise<string> {
  const folder = mkdtempSync(join(root, `${family}-`));
  const base = fileURLToPath(new URL(`parity/fixtures/${family}/`, import.meta.url));
  const checkpoint = ["checkpoint", "model"]
    .map((name) => join(base, name))
    .find((path) => existsSync(path))!;
  cpSync(checkpoint, folder, { recursive: true });
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Record<string, number>;
  const { mask_token_id: mask = config.vocab_size! - 1, eos_token_id: end = config.vocab_size! - 2 } = config;
  const { tokenizer, ...files } = byteTokenizer().files;
  const [ending, masking] = tokenizer.added_tokens!;
  const added_tokens = [
    { ...ending!, id: end },
    { ...masking!, id: mask },
  ];
  await saveTokenizer(createTokenizer({ ...files, tokenizer: { ...tokenizer, added_tokens } }), folder);
  if (template !== "") writeFileSync(join(folder, "chat_template.jinja"), template);
  return folder;
}
