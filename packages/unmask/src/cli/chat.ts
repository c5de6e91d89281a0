// `unmask chat`: a conversation. In a terminal the canvas fills live and the answer takes its place; elsewhere every
// line of stdin is a turn, and answers go to stdout as they become certain, or as one JSON object a turn (`--json`).

import { setImmediate as nextTurn } from "node:timers/promises";
import { isUnmaskError, UnsupportedError } from "../base/errors.ts";
import type { GeneratedSequence, GenerateEvent, GenerateOptions } from "../generate/events.ts";
import type { Model } from "../generate/load.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { CanvasView, withoutPrompt } from "./canvas-view.ts";
import { Conversation, commands, readEntry } from "./chat-conversation.ts";
import { type ChatInput, plainInput, TerminalInput } from "./chat-input.ts";
import { decoderOptionsOf } from "./decoder-flags.ts";
import { type GenerateFlags, jsonResult, loadFor, summary } from "./generate.ts";
import { interruptedExitCode } from "./interrupt.ts";
import { hasColours, isLive, printable, styles } from "./terminal.ts";
import { modelOrUsual } from "./usual-model.ts";

export type ChatFlags = Pick<
  GenerateFlags,
  | "model"
  | "revision"
  | "system"
  | "maxNewTokens"
  | "decoder"
  | "seed"
  | "stop"
  | "stopId"
  | "fidelity"
  | "adapter"
  | "device"
  | "dtype"
  | "json"
>;

/** Returns the exit code. */
export async function chatVerb(flags: ChatFlags): Promise<number> {
  const { model, tokenizer } = await loadFor(modelOrUsual(flags.model), flags);
  checkTemplate(model);
  await checkOptions(model, flags);
  const isTerminal = flags.json !== true && process.stdin.isTTY === true && isLive(process.stdout);
  const style = styles(hasColours(process.stdout));
  const input = isTerminal
    ? new TerminalInput(process.stdin, process.stdout, style)
    : plainInput(process.stdin);
  if (isTerminal) process.stdout.write(`${style.dim(greeting)}\n`);
  const screen = isTerminal ? liveScreen(tokenizer) : flags.json ? jsonScreen(model, flags) : plainScreen();
  try {
    return await converse({ model, flags, input, screen });
  } finally {
    input.close();
  }
}

const greeting = `${Object.entries(commands)
  .map(([name, does]) => `/${name} ${does}`)
  .join(" · ")} · Ctrl-C stops an answer`;

function checkTemplate({ folder, template }: Model): void {
  if (template?.kind === "jinja") return;
  throw new UnsupportedError(
    `${folder} has no chat template, so it cannot tell who said what; put a chat_template.jinja into the folder, or write on a text with unmask generate --prompt`,
  );
}

/** What is wrong with the command line is said before the first question. */
async function checkOptions(model: Model, flags: ChatFlags): Promise<void> {
  const { resolveRequest } = await import("../generate/request.ts");
  resolveRequest(model, [new Conversation(flags.system).asked("?")], optionsOf(flags, 0));
}

/** Every turn has a seed of its own, so that a question asked again may get another answer. */
function optionsOf(flags: ChatFlags, turn: number): GenerateOptions & { readonly seed: number } {
  const { maxNewTokens, decoder, fidelity, stop, stopId } = flags;
  return {
    ...{ maxNewTokens, decoder, fidelity, stop, stopIds: stopId },
    seed: flags.seed + turn,
    decoderOptions: decoderOptionsOf(flags),
  };
}

interface Answer {
  /** What was certain when it ended or was stopped. */
  readonly text: string;
  readonly sequence: GeneratedSequence | undefined;
  readonly finish: Extract<GenerateEvent, { type: "finish" }> | undefined;
}

/** Where answers are shown. */
interface Screen {
  readonly isTerminal: boolean;
  onEvent(event: GenerateEvent): void;
  onAnswer(answer: Answer, asked: { readonly question: string; readonly seed: number }): void;
  /** A line about the chat itself, for people. */
  note(text: string): void;
  /** Removes what is half drawn, after an error. */
  clear(): void;
}

interface Chat {
  readonly model: Model;
  readonly flags: ChatFlags;
  readonly input: ChatInput;
  readonly screen: Screen;
}

async function converse(chat: Chat): Promise<number> {
  const { input, screen, flags } = chat;
  const conversation = new Conversation(flags.system);
  let turn = 0;
  for (let line = await input.next(); line !== undefined; line = await input.next()) {
    try {
      const entry = readEntry(line);
      if (entry.kind === "quit") return 0;
      if (entry.kind === "reset") {
        conversation.reset();
        screen.note("The conversation begins anew.");
      }
      if (entry.kind !== "message") continue;
      const isFinished = await takeTurn(chat, conversation, { question: entry.text, turn: turn++ });
      if (!isFinished && !screen.isTerminal) return interruptedExitCode;
    } catch (error) {
      screen.clear();
      if (!screen.isTerminal || !isUnmaskError(error)) throw error;
      process.stdout.write(`${styles(hasColours(process.stdout)).red("error:")} ${error.message}\n`);
      if (!conversation.isEmpty) screen.note("/reset would begin anew.");
    }
  }
  return 0;
}

/** Returns whether the answer was not stopped. */
async function takeTurn(
  { model, flags, input, screen }: Chat,
  conversation: Conversation,
  { question, turn }: { question: string; turn: number },
): Promise<boolean> {
  const options = optionsOf(flags, turn);
  const answer = await input.during((signal) =>
    answerOf({ model, screen }, conversation.asked(question), { ...options, signal }),
  );
  screen.onAnswer(answer, { question, seed: options.seed });
  const isFinished = answer.finish !== undefined;
  // A stopped answer counts as far as it was certain; of one that was not begun nothing is kept.
  if (isFinished || answer.text !== "") conversation.add(question, answer.text);
  return isFinished;
}

async function answerOf(
  { model, screen }: Pick<Chat, "model" | "screen">,
  messages: ReturnType<Conversation["asked"]>,
  options: GenerateOptions & { readonly signal: AbortSignal },
): Promise<Answer> {
  const { generate } = await import("../generate/generate.ts");
  let text = "";
  let sequence: GeneratedSequence | undefined;
  for await (const event of generate(model, messages, { ...options, frames: screen.isTerminal })) {
    await nextTurn(); // forwards block the event loop: keys, signals and the terminal's size get their turn here
    if (event.type === "text-delta") text += event.text;
    else if (event.type === "sequence") sequence = event.sequence;
    else if (event.type === "finish" && sequence !== undefined) return { text, sequence, finish: event };
    screen.onEvent(event);
    if (options.signal.aborted && sequence === undefined) break;
  }
  return { text, sequence, finish: undefined };
}

function liveScreen(tokenizer: Tokenizer): Screen {
  const view = new CanvasView(process.stdout, tokenizer);
  const { dim } = styles(hasColours(process.stdout));
  const note = (text: string) => void process.stdout.write(`${dim(text)}\n`);
  return {
    isTerminal: true,
    onEvent(event) {
      if (event.type === "canvas-frame") view.draw(withoutPrompt(event));
    },
    onAnswer({ text, finish }) {
      view.write(text);
      note(finish === undefined ? "stopped" : summary(finish.totals));
      view.end();
    },
    note,
    clear: () => view.end(),
  };
}

function plainScreen(): Screen {
  const write = (text: string) => process.stdout.write(process.stdout.isTTY ? printable(text) : text);
  return {
    isTerminal: false,
    onEvent(event) {
      if (event.type === "text-delta") write(event.text);
    },
    onAnswer: () => void process.stdout.write("\n"),
    note: () => undefined,
    clear: () => undefined,
  };
}

/** One object a turn; a turn that was interrupted has none. */
function jsonScreen(model: Model, flags: ChatFlags): Screen {
  return {
    isTerminal: false,
    onEvent: () => undefined,
    onAnswer({ sequence, finish }, { question, seed }) {
      if (sequence === undefined || finish === undefined) return;
      const request = { ...flags, seed, count: 1, prompt: question };
      const result = jsonResult(model, request, { ...finish, sequences: [sequence] });
      process.stdout.write(`${JSON.stringify(result)}\n`);
    },
    note: () => undefined,
    clear: () => undefined,
  };
}
