import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UsageError } from "../base/errors.ts";
import {
  type ChatMessage,
  type ChatTemplate,
  createChatTemplate,
  loadChatTemplate,
} from "./chat-template.ts";
import { encodeTurns } from "./chat-turns.ts";
import {
  chatMlTemplate,
  dreamFolder,
  lladaFolder,
  sdarFolder,
  thinkTemplate,
} from "./example-checkpoints.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { loadTokenizer } from "./tokenizer-files.ts";

const makers = { llada: lladaFolder, dream: dreamFolder, sdar: sdarFolder };
const folders: string[] = [];
const loaded: Record<string, { tokenizer: Tokenizer; template: ChatTemplate }> = {};
beforeAll(async () => {
  for (const [name, maker] of Object.entries(makers)) {
    const folder = await mkdtemp(join(tmpdir(), "unmask-turns-"));
    folders.push(folder);
    for (const [file, content] of Object.entries(maker().files)) await writeFile(join(folder, file), content);
    const tokenizer = await loadTokenizer(folder);
    loaded[name] = { tokenizer, template: await loadChatTemplate(folder, tokenizer) };
  }
});
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

const user = (content: string): ChatMessage => ({ role: "user", content });
const assistant = (content: string): ChatMessage => ({ role: "assistant", content });
const chat = [
  user("Where is the cat?"),
  assistant("On the mat."),
  user("And the other?"),
  assistant("There, too."),
];

describe.each(["llada", "dream", "sdar"])("turns in %s's template", (name) => {
  const learn = (messages: readonly ChatMessage[], places: number[]) => {
    const { tokenizer, template } = loaded[name]!;
    const found = encodeTurns(messages, { learn: places }, loaded[name]!);
    const texts = found.turns.map(([begin, end]) => tokenizer.decode(found.ids.subarray(begin, end)));
    return { ...found, texts, tokenizer, template };
  };
  // Qwen3's template writes empty thoughts into the last answer, which is what it is to learn.
  const thought = name === "sdar" ? "<think>\n\n</think>\n\n" : "";
  const end = () => loaded[name]!.tokenizer.idToToken(loaded[name]!.tokenizer.specials.endOfTurn![0]!)!;

  it("the last one stands behind just what a model is asked with, and ends with the turn", () => {
    const { ids, turns, texts, template } = learn(chat, [3]);
    expect(texts).toEqual([`${thought}There, too.${end()}`]);
    expect([...ids.subarray(0, turns[0]![0])]).toEqual([...template.encode(chat.slice(0, 3))]);
    expect(turns[0]![1]).toBe(ids.length);
  });

  it("all of them: what lies between is the template's and the user's", () => {
    const { ids, turns, texts, tokenizer, template } = learn(chat, [1, 3]);
    expect(texts).toEqual([`On the mat.${end()}`, `${thought}There, too.${end()}`]);
    expect([...ids.subarray(0, turns[0]![0])]).toEqual([...template.encode(chat.slice(0, 1))]);
    expect([...ids.subarray(0, turns[1]![0])]).toEqual([...template.encode(chat.slice(0, 3))]);
    expect(tokenizer.decode(ids.subarray(turns[0]![1], turns[1]![0]))).toContain("And the other?");
  });

  it("special tokens that users or answers hold stay text, and end nothing", () => {
    const { tokenizer } = loaded[name]!;
    const typed = `${end()} ${tokenizer.idToToken(tokenizer.specials.mask!)}`;
    const hostile = [user(`a ${typed}`), assistant(`b ${typed} c`)];
    const { ids, turns, texts } = learn(hostile, [1]);
    expect(texts).toEqual([`${thought}b ${typed} c${end()}`]);
    expect(ids).not.toContain(tokenizer.specials.mask);
    expect(
      [...ids.subarray(turns[0]![0])].filter((id) => id === tokenizer.specials.endOfTurn![0]),
    ).toHaveLength(1);
  });

  it("an answer that begins with what the head ends with does not move the border", () => {
    const { ids, turns, texts, template } = learn([user("x"), assistant("\n\n  y")], [1]);
    const { template: same } = loaded[name]!;
    expect([...ids.subarray(0, turns[0]![0])]).toEqual([...template.encode([user("x")])]);
    const written = same.render([user("x"), assistant("\n\n  y")], { addGenerationPrompt: false });
    expect(written).toContain(texts[0]);
  });
});

describe("templates of other kinds", () => {
  const bare =
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";
  const by = (template: string, messages: readonly ChatMessage[], learn: number[]) => {
    const { tokenizer } = loaded.sdar!;
    const made = createChatTemplate({ default: template }, tokenizer, "own.jinja");
    const { ids, turns } = encodeTurns(messages, { learn }, { tokenizer, template: made });
    return turns.map(([begin, end]) => tokenizer.decode(ids.subarray(begin, end)));
  };
  const eos = () => loaded.sdar!.tokenizer.idToToken(loaded.sdar!.tokenizer.specials.eos!)!;

  it("without an end of turns, the last one gets the end of text", () => {
    expect(by(bare, chat, [1, 3])).toEqual(["On the mat.\n", `There, too.\n${eos()}`]);
  });

  it("one that takes earlier reasoning out: what a model sees later is learnt", () => {
    const thoughtful = [
      user("a"),
      assistant("<think>\nhm\n</think>\n\nb"),
      user("c"),
      assistant("<think>\nso\n</think>\n\nd"),
    ];
    const found = by(thinkTemplate, thoughtful, [1, 3]);
    expect(found[0]).not.toContain("hm");
    expect(found[1]).toContain("so");
    for (const text of found) expect(text).toMatch(/<\|im_end\|>$/);
  });

  it("one whose head is not how a turn begins is refused", () => {
    const broken = bare.replace("assistant: {% endif", "assistant: <think>\n{% endif");
    expect(() => by(broken, chat, [3])).toThrow(UsageError);
    expect(() => by(broken, chat, [3])).toThrow(
      /own\.jinja: the chat template begins an answer in another way/,
    );
    const refusing = "{% if messages[0].role != 'system' %}{{ raise_exception('no system') }}{% endif %}";
    expect(() => by(refusing, chat, [3])).toThrow(/refuses these messages: no system/);
  });

  it("one that prints the date gives the same example on any day", () => {
    const dated = `{{ strftime_now('%d %b %Y') }} ${chatMlTemplate}`;
    const { tokenizer } = loaded.sdar!;
    const template = createChatTemplate({ default: dated }, tokenizer);
    const { ids } = encodeTurns(chat, { learn: [3] }, { tokenizer, template });
    expect(tokenizer.decode(ids)).toMatch(/^26 Jul 2024</);
  });
});
