import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CheckpointError, UnmaskError } from "../base/errors.ts";
import { byteTokenizer, trainBpeTokenizer, trainWordTokenizer, wordTokenizer } from "./new-tokenizer.ts";
import { createTokenizer } from "./tokenizer.ts";
import { loadTokenizer, saveTokenizer } from "./tokenizer-files.ts";
import { firstInvalidUtf8 } from "./utf8.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "unmask-tokenizer-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const corpus = "one two two three three three, isn't it? 猫 ".repeat(10);
const makers = {
  bytes: byteTokenizer,
  words: () => trainWordTokenizer([corpus]),
  bpe: () => trainBpeTokenizer([corpus], { size: 290 }),
};

describe("save and load", () => {
  it.each(Object.entries(makers))("%s: comes back the same, in three files", async (kind, make) => {
    const tokenizer = make();
    await saveTokenizer(tokenizer, folder);
    const names = ["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"];
    expect((await readdir(folder)).sort()).toEqual(names);
    const loaded = await loadTokenizer(folder);
    expect(loaded).toMatchObject({ kind, hash: tokenizer.hash, specials: tokenizer.specials });
    expect(loaded.vocabularySize).toBe(tokenizer.vocabularySize);
    expect(loaded.encode(corpus)).toEqual(tokenizer.encode(corpus));
  });

  it("does without tokenizer_config.json if special_tokens_map.json is there", async () => {
    await saveTokenizer(byteTokenizer(), folder);
    await rm(join(folder, "tokenizer_config.json"));
    expect((await loadTokenizer(folder)).specials).toEqual(byteTokenizer().specials);
  });

  it("keeps the old files and no litter when a write fails", async () => {
    await saveTokenizer(byteTokenizer(), folder);
    const failed = saveTokenizer(wordTokenizer(["a"]), join(folder, "nowhere"));
    await expect(failed).rejects.toThrow(/nowhere.*ENOENT/);
    await expect(failed).rejects.toMatchObject({ exitCode: 1 });
    await expect(failed).rejects.toBeInstanceOf(UnmaskError);
    expect((await readdir(folder)).length).toBe(3);
    expect((await loadTokenizer(folder)).kind).toBe("bytes");
  });
});

describe("hash", () => {
  it("ignores layout and key order, and changes with vocabulary, merges and specials", () => {
    const { files, hash } = makers.bpe();
    const { model, ...rest } = files.tokenizer;
    const turned = {
      model: Object.fromEntries(Object.entries(model).reverse()),
      ...rest,
    } as typeof files.tokenizer;
    expect(createTokenizer({ ...files, tokenizer: turned }).hash).toBe(hash);
    const fewer = { ...files.tokenizer, model: { ...model, merges: model.merges!.slice(0, -1) } };
    const hashes = [
      hash,
      createTokenizer({ ...files, tokenizer: fewer }).hash,
      createTokenizer({ ...files, config: { ...files.config, pad_token: "<|mask|>" } }).hash,
      byteTokenizer().hash,
      makers.words().hash,
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("files that cannot be used", () => {
  const tokenizerJson = (model: unknown, added: unknown = []) =>
    JSON.stringify({ model, added_tokens: added });
  it.each([
    ["missing", undefined, /holds no tokenizer\.json/],
    ["cut off", '{"model": {"vocab": {"a"', /tokenizer\.json is not valid JSON.*cut off/],
    ["a list", "[]", /holds no JSON object/],
    ["without a model", "{}", /no "model" object/],
    ["without a vocabulary", tokenizerJson({ type: "BPE" }), /no "model.vocab"/],
    [
      "with an empty vocabulary",
      tokenizerJson({ type: "BPE", vocab: {}, merges: [] }),
      /vocabulary is empty/,
    ],
    ["with a text id", tokenizerJson({ vocab: { a: "0" } }), /token "a" has the id "0"/],
    ["with a negative id", tokenizerJson({ vocab: { a: -1 } }), /token "a" has the id -1/],
    ["with a huge id", tokenizerJson({ vocab: { a: 1e12 } }), /token "a" has the id 1000000000000/],
    ["with a shared id", tokenizerJson({ vocab: { a: 0, b: 0 } }), /tokens "a" and "b" share the id 0/],
    ["with odd added tokens", tokenizerJson({ vocab: { a: 0 } }, [1]), /no object/],
    ["with added tokens that are no list", tokenizerJson({ vocab: { a: 0 } }, 7), /is not a list/],
    ["of an unknown make", tokenizerJson({ type: "Unigram", vocab: [[1, 2]] }), /token 1 has the id 0/],
    ["with merges of no use", tokenizerJson({ type: "BPE", vocab: { a: 0 }, merges: [7] }), /cannot be used/],
  ])("%s: one sentence with the file", async (_name, content, message) => {
    if (content !== undefined) await writeFile(join(folder, "tokenizer.json"), content);
    const failed = loadTokenizer(folder);
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toThrow(folder);
    await expect(failed).rejects.toBeInstanceOf(CheckpointError);
  });

  it("a special token outside the vocabulary", async () => {
    await saveTokenizer(byteTokenizer(), folder);
    await writeFile(join(folder, "tokenizer_config.json"), '{"mask_token": "[MASK]"}');
    await expect(loadTokenizer(folder)).rejects.toThrow(
      'mask_token is "[MASK]", which is not in the vocabulary',
    );
  });

  it("a thousand damaged copies: an UnmaskError or a tokenizer that works", async () => {
    const whole = JSON.stringify(makers.bpe().files.tokenizer);
    const { config } = makers.bpe().files;
    for (let trial = 0; trial < 1000; trial++) {
      const at = (trial * 7919) % whole.length;
      const junk = ["null", "{}", "7", '"', ",", "", "[]"][trial % 7]!;
      const text = whole.slice(0, at) + junk + whole.slice(at + 1 + (trial % 5));
      let parsed: unknown;
      try {
        parsed = JSON.parse(text);
      } catch {
        continue;
      }
      try {
        createTokenizer({ tokenizer: parsed as never, config }).encode("one two");
      } catch (error) {
        expect(error, text).toBeInstanceOf(UnmaskError);
      }
    }
  });
});

describe("firstInvalidUtf8", () => {
  it.each([
    [[], -1],
    [[0x41, 0xc3, 0xa9, 0xe7, 0x8c, 0xab, 0xf0, 0x9f, 0x99, 0x82], -1],
    [[0x41, 0xff], 1],
    [[0x41, 0x80], 1],
    [[0xc0, 0x80], 0],
    [[0xe0, 0x80, 0x80], 0],
    [[0x41, 0xed, 0xa0, 0x80], 1],
    [[0xf4, 0x90, 0x80, 0x80], 0],
    [[0x41, 0x42, 0xe7, 0x8c], 2],
  ])("%j -> %d", (bytes, offset) => {
    expect(firstInvalidUtf8(Uint8Array.from(bytes))).toBe(offset);
  });

  it("agrees with the platform's decoder on every pair and many fours of bytes", () => {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    const valid = (bytes: Uint8Array) => {
      try {
        decoder.decode(bytes);
        return true;
      } catch {
        return false;
      }
    };
    const wrong: Uint8Array[] = [];
    for (let index = 0; index < 65_536 + 20_000; index++) {
      const mixed = Math.imul(index, 0x9e3779b1) >>> 0;
      const bytes =
        index < 65_536
          ? Uint8Array.of(index >> 8, index & 0xff)
          : Uint8Array.of(
              0xe0 + (mixed >>> 28),
              0x80 + ((mixed >>> 8) & 0x7f),
              0x80 + (mixed & 0x3f),
              0x80 + ((mixed >>> 16) & 0x3f),
            );
      if ((firstInvalidUtf8(bytes) === -1) !== valid(bytes)) wrong.push(bytes);
    }
    expect(wrong).toEqual([]);
  });
});

// Permissions do not bind the superuser, so this case is for everyone else.
it.skipIf(process.getuid?.() === 0)("an unreadable file", async () => {
  await saveTokenizer(byteTokenizer(), folder);
  await chmod(join(folder, "tokenizer.json"), 0);
  await expect(loadTokenizer(folder)).rejects.toThrow("EACCES");
  expect(await readFile(join(folder, "tokenizer_config.json"), "utf8")).toContain("mask");
});
