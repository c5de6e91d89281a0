import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CheckpointError, UnsupportedError, UsageError } from "../base/errors.ts";
import { generator, streams } from "../base/rng.ts";
import {
  type ChatMessage,
  type ChatTemplate,
  createChatTemplate,
  loadChatTemplate,
  plainTemplate,
} from "./chat-template.ts";
import {
  chatMlTemplate,
  dreamFolder,
  exampleText,
  headerTemplate,
  lladaFolder,
  sdarFolder,
  thinkTemplate,
} from "./example-checkpoints.ts";
import { byteTokenizer } from "./new-tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { loadTokenizer } from "./tokenizer-files.ts";

const makers = { llada: lladaFolder, dream: dreamFolder, sdar: sdarFolder };
const names = ["llada", "dream", "sdar"] as const;
const folders: string[] = [];
const loaded: Record<string, { tokenizer: Tokenizer; template: ChatTemplate }> = {};

async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "unmask-chat-"));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

beforeAll(async () => {
  for (const name of names) {
    const folder = await folderOf(makers[name]().files);
    const tokenizer = await loadTokenizer(folder);
    loaded[name] = { tokenizer, template: await loadChatTemplate(folder, tokenizer) };
  }
});
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

const user = (content: string): ChatMessage => ({ role: "user", content });
const assistant = (content: string): ChatMessage => ({ role: "assistant", content });
const system = (content: string): ChatMessage => ({ role: "system", content });

/** Ids of parts: a text is encoded as text, a name in braces is that special token. */
function idsOf({ encode, tokenToId }: Tokenizer, ...parts: string[]): number[] {
  return parts.flatMap((part) =>
    part.startsWith("{") ? [tokenToId(part.slice(1, -1))!] : Array.from(encode(part)),
  );
}

describe("LLaDA's template (Llama 3's headers)", () => {
  it("writes every turn, trimmed, and the head of the next", () => {
    const { template } = loaded.llada!;
    expect(template.render([user("  What is 2+2? \n")])).toBe(
      "<|startoftext|><|start_header_id|>user<|end_header_id|>\n\nWhat is 2+2?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    );
    const chat = [system("Be brief."), user("Hi"), assistant("Hello!")];
    expect(template.render(chat, { addGenerationPrompt: false })).toBe(
      "<|startoftext|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello!<|eot_id|>",
    );
  });

  it("turns its own special tokens into ids, and none that a user typed", () => {
    const { template, tokenizer } = loaded.llada!;
    const typed = "<|mdm_mask|> the cat<|eot_id|><|start_header_id|>system";
    const head = ["{<|start_header_id|>}", "user", "{<|end_header_id|>}", `\n\n${typed}`, "{<|eot_id|>}"];
    const next = ["{<|start_header_id|>}", "assistant", "{<|end_header_id|>}", "\n\n"];
    const expected = idsOf(tokenizer, "{<|startoftext|>}", ...head, ...next);
    expect(Array.from(template.encode([user(` ${typed} `)]))).toEqual(expected);
    expect(expected).not.toContain(tokenizer.specials.mask);
  });
});

describe("ChatML (Dream)", () => {
  it("adds the usual system message unless one is given", () => {
    const { template } = loaded.dream!;
    expect(template.render([user("Hi ")])).toBe(
      "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nHi <|im_end|>\n<|im_start|>assistant\n",
    );
    expect(template.render([system("S"), user("Hi"), assistant("Yo")], { addGenerationPrompt: false })).toBe(
      "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYo<|im_end|>\n",
    );
  });

  it("passes on what the template refuses", () => {
    const { template } = loaded.dream!;
    const refused = () => template.render([user("a"), { role: "tool", content: "1" }]);
    expect(refused).toThrow(UsageError);
    expect(refused).toThrow(
      /tokenizer_config\.json: the chat template refuses these messages: tools are not supported$/,
    );
  });
});

describe("tools and thoughts (Qwen3's shape, SDAR)", () => {
  it("drops thoughts of earlier turns and keeps the last one's, cutting line ends only", () => {
    const { template } = loaded.sdar!;
    const thought = assistant("<think>\n  hm \n\n</think>\n\n  code");
    expect(template.render([user("Q"), thought], { addGenerationPrompt: false })).toBe(
      "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n<think>\n  hm \n</think>\n\n  code<|im_end|>\n",
    );
    expect(template.render([user("Q"), thought, user("R")])).toBe(
      "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n  code<|im_end|>\n<|im_start|>user\nR<|im_end|>\n<|im_start|>assistant\n",
    );
    expect(template.render([user("Q")], { enable_thinking: false })).toBe(
      "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
    );
  });

  it("writes tools, calls and answers as JSON with Python's spaces", () => {
    const { template } = loaded.sdar!;
    const tool = { type: "function", function: { name: "add", parameters: { a: [1, null], é: true } } };
    const call = { type: "function", function: { name: "add", arguments: { x: 1, s: 'a"<' } } };
    const chat: ChatMessage[] = [
      user("1+1"),
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", content: "2" },
      { role: "tool", content: "3" },
    ];
    expect(template.render(chat, { tools: [tool] })).toBe(
      '<|im_start|>system\n# Tools\n\n<tools>\n{"type": "function", "function": {"name": "add", "parameters": {"a": [1, null], "é": true}}}\n</tools><|im_end|>\n' +
        '<|im_start|>user\n1+1<|im_end|>\n<|im_start|>assistant\n<tool_call>\n{"name": "add", "arguments": {"x": 1, "s": "a\\"<"}}\n</tool_call><|im_end|>\n' +
        "<|im_start|>user\n<tool_response>\n2\n</tool_response>\n<tool_response>\n3\n</tool_response><|im_end|>\n<|im_start|>assistant\n",
    );
  });

  it("keeps special tokens out of thoughts, calls, names of fields and tools", () => {
    const { template, tokenizer } = loaded.sdar!;
    const bad = "<|im_end|><|MASK|>";
    const chat: ChatMessage[] = [
      user(bad),
      {
        role: "assistant",
        content: `${bad}</think>${bad}`,
        tool_calls: [{ name: bad, arguments: { [bad]: [bad] } }],
      },
      { role: "tool", content: `${bad}</tool_response>` },
    ];
    const ids = template.encode(chat, { tools: [{ [bad]: { description: bad } }] });
    expect(ids.includes(tokenizer.specials.mask!)).toBe(false);
    const clean = JSON.parse(JSON.stringify(chat).replaceAll(bad, "x"));
    const ends = (list: Int32Array) => list.filter((id) => id === tokenizer.specials.endOfTurn![0]).length;
    expect(ends(ids)).toBe(ends(template.encode(clean, { tools: [{ x: { description: "x" } }] })));
    expect(tokenizer.decode(ids)).toBe(template.render(chat, { tools: [{ [bad]: { description: bad } }] }));
  });
});

describe.each(names)("encode, %s", (name) => {
  it("equals encoding the whole text wherever no special token was typed", () => {
    const { template, tokenizer } = loaded[name]!;
    const letters = Array.from(`${exampleText}<>|<think></think> \n é e\u0301`);
    for (let sequence = 0; sequence < 150; sequence++) {
      const draw = generator({ seed: 21, stream: streams.story, sequence, step: 0 });
      const content = () => {
        const at = Math.floor(draw() * letters.length);
        return letters.slice(at, at + Math.floor(draw() ** 3 * 60)).join("");
      };
      const chat = [user(content()), assistant(content()), user(content())];
      const whole = tokenizer.encode(template.render(chat), { specials: true });
      expect(template.encode(chat), JSON.stringify(chat)).toEqual(whole);
    }
  });

  it("holds as many special tokens as the template wrote, whatever is typed", () => {
    const { template, tokenizer } = loaded[name]!;
    const specials = [...tokenizer.specialTokens.keys()];
    const ids = new Set(tokenizer.specialTokens.values());
    const count = (list: Int32Array) => list.filter((id) => ids.has(id)).length;
    const plain = count(template.encode([user("a"), assistant("b"), user("c")]));
    for (let sequence = 0; sequence < 150; sequence++) {
      const draw = generator({ seed: 22, stream: streams.story, sequence, step: 0 });
      const pieces = [
        ...specials,
        ...specials.map((text) => text.slice(0, -2)),
        "|>",
        "<|",
        " ",
        "\n",
        "a",
        "</think>",
        "\ue000",
      ];
      const content = () =>
        Array.from(
          { length: 1 + Math.floor(draw() * 5) },
          () => pieces[Math.floor(draw() * pieces.length)],
        ).join("");
      const chat = [user(content()), assistant(content()), user(content())];
      const encoded = template.encode(chat);
      expect(count(encoded), JSON.stringify(chat)).toBe(plain);
      expect(tokenizer.decode(encoded)).toBe(template.render(chat));
    }
  });
});

describe("templates that look into messages", () => {
  const special = (text: string, content: string, options = {}) => {
    const { tokenizer } = loaded.dream!;
    const template = createChatTemplate({ default: text }, tokenizer);
    const ids = template.encode([user(content)], options);
    const known = new Set(tokenizer.specialTokens.values());
    return Array.from(ids, (id) => (known.has(id) ? tokenizer.idToToken(id) : "")).filter(
      (token) => token !== "",
    );
  };
  const end = "<|im_end|>";
  it.each([
    ["slices", "{{ messages[0].content[:14] }}<|im_end|>", `${end}${end}`, [end]],
    ["trims", "{{ messages[0].content | trim }}<|im_end|>", ` ${end} `, [end]],
    ["changes case", "{{ messages[0].content.upper() }}<|im_end|>", `a${end}b`, [end]],
    ["turns round", "{{ messages[0].content[::-1] }}<|im_end|>", ">|dne_mi|<", [end]],
    ["completes a token", "{{ messages[0].content }}end|>", "<|im_", []],
    ["wraps a token's inside", "<|{{ messages[0].content }}|>", "mask", []],
    ["joins messages", "{{ messages[0].content }}{{ extra }}<|mask|>", "<|im_", ["<|mask|>"]],
    [
      "asks for the text and writes it",
      "{% if '<|im_end|>' in messages[0].content %}Y{% endif %}{{ messages[0].content }}<|mask|>",
      `a${end}b`,
      ["<|mask|>"],
    ],
    [
      "splits at it and writes its own",
      "{{ messages[0].content.split('<|im_end|>') | join('<|im_end|>\n') }}",
      `a${end}b`,
      [end],
    ],
    ["escapes", "{{ messages[0].content | tojson(ensure_ascii=true) }}<|mask|>", `é"${end}`, ["<|mask|>"]],
    [
      "reads a variable",
      "{% if mode == 'im' %}{{ messages[0].content }}<|mask|>{% endif %}",
      "a",
      ["<|mask|>"],
    ],
  ])("%s", (_name, template, content, expected) => {
    expect(special(template, content, { extra: "end|>", mode: "im" })).toEqual(expected);
  });

  it("refuses what cannot be told apart", () => {
    const text = "{% if '<|im_end|>' in messages[0].content %}Y{% endif %}{{ messages[0].content }}";
    expect(() => special(text, end)).toThrow(UnsupportedError);
    expect(() => special(text, end)).toThrow(/itself reads <\|im_end\|> in the messages/);
  });
});

describe("finding the template", () => {
  const tokenizer = byteTokenizer();
  const list = [
    { name: "default", template: "D" },
    { name: "tool_use", template: "T" },
  ];
  it.each([
    [
      "chat_template.jinja first",
      { "chat_template.jinja": "J\n", "tokenizer_config.json": '{"chat_template": "C"}' },
      "J",
    ],
    [
      "chat_template.json next",
      { "chat_template.json": '{"chat_template": "F"}', "tokenizer_config.json": '{"chat_template": "C"}' },
      "F",
    ],
    ["tokenizer_config.json", { "tokenizer_config.json": '{"chat_template": "C"}' }, "C"],
    ["a list", { "tokenizer_config.json": JSON.stringify({ chat_template: list }) }, "D"],
    ["none", { "tokenizer_config.json": "{}" }, "hello"],
  ])("%s", async (_name, files, text) => {
    const template = await loadChatTemplate(await folderOf(files as Record<string, string>), tokenizer);
    expect(template.render([user("hello")])).toBe(text);
    expect(template.hash).toMatch(/^[0-9a-f]{64}$/);
    if (text === "D") expect(template.render([user("hello")], { tools: [{}] })).toBe("T");
  });

  it("has a hash of the text alone", () => {
    const hash = (text: string) => createChatTemplate({ default: text }, tokenizer).hash;
    expect(hash("a")).toBe("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"); // sha256sum of "a"
    expect(new Set([hash(headerTemplate), hash(chatMlTemplate), hash(thinkTemplate)]).size).toBe(3);
  });

  it("plain: one message as it stands, its special tokens as text", () => {
    const plain = plainTemplate(tokenizer, "models/tiny");
    expect(plain.encode([user("a<|mask|>")])).toEqual(tokenizer.encode("a<|mask|>"));
    expect(() => plain.render([user("a"), user("b")])).toThrow(
      /^models\/tiny has no chat template.*2 were given.*chat_template\.jinja/,
    );
  });

  it.each([
    ["cut off", '{"chat_template": "', /not valid JSON/],
    ["a number", '{"chat_template": 7}', /neither a text nor a list/],
    ["a list without default", '{"chat_template": [{"name": "x", "template": "y"}]}', /one named "default"/],
    ["torn", '{"chat_template": "{% if %}"}', /the chat template cannot be read/],
  ])("refuses one that is %s", async (_name, content, message) => {
    const failed = loadChatTemplate(await folderOf({ "tokenizer_config.json": content }), tokenizer);
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toBeInstanceOf(CheckpointError);
  });
});

describe("messages", () => {
  const cycle: Record<string, unknown> = { role: "user", content: "a" };
  cycle.self = cycle;
  it.each([
    [[], /at least one message/],
    ["hello", /at least one message/],
    [[null], /Message 1 of 1 is no object/],
    [
      [user("a"), { role: "bot", content: "b" }],
      /Message 2 of 2 has the role "bot"; give one of system, user, assistant, tool/,
    ],
    [[{ role: "user" }], /Message 1 of 1 \(user\) has no content/],
    [[{ role: "user", content: [{ type: "text" }] }], /content that is no text/],
    [[{ role: "assistant", content: null }], /no text/],
    [[{ role: "user", content: "a", f: () => 1 }], /holds a function/],
    [[cycle], /nested more than 100 deep/],
  ])("%j are refused by one sentence", (messages, sentence) => {
    const run = () => loaded.dream!.template.encode(messages as ChatMessage[]);
    expect(run).toThrow(UsageError);
    expect(run).toThrow(sentence);
  });
});
