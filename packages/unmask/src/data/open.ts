// From a `data:` section to examples.

import { ConfigError } from "../base/errors.ts";
import type { ChatTemplate } from "../text/chat-template.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { isChat } from "./answers.ts";
import type { DataConfig, RowKind } from "./config.ts";
import type { Answer, ExampleSource } from "./example.ts";
import { type DataSettings, findData, firstKind, shareOf } from "./find-data.ts";
import { orderedSource, readExamples, shuffledSource } from "./memory.ts";
import type { MakeContext } from "./rows.ts";
import { ExampleStream, type StreamPosition } from "./stream.ts";
import { Tally } from "./tally.ts";

export interface OpenOptions extends DataSettings {
  readonly seed: number;
  /** Most ids of an example; exactly as many have the rows of wrapped texts. */
  readonly length: number;
  /** The model's; needed for messages. */
  readonly template?: ChatTemplate | undefined;
  /** Of a stream that is gone on with: what `position()` gave. Without it, it is read from its beginning. */
  readonly from?: StreamPosition | undefined;
}

export interface OpenedExamples {
  readonly train: ExampleSource<Answer>;
  /** In order, never shuffled, counted; undefined if nothing is held out. */
  readonly heldOut: ExampleSource<Answer> | undefined;
  readonly kind: RowKind;
  /** Held-out tokens that stand for one byte of text, to convert nats a token into nats a byte; 0 unless texts. */
  readonly tokensPerByte: number;
  /** What was left out, cut or odd, counted, with the first place. Of a stream: so far. */
  warnings(): readonly string[];
  /**
   * Of a stream, where to read on for the example of this number, by default the last that was given, and all that
   * follow it: for a checkpoint.
   */
  position(next?: number): StreamPosition | undefined;
  /** Lets go of open files. */
  close(): Promise<void>;
}

export async function openExamples(
  config: DataConfig,
  tokenizer: Tokenizer,
  options: OpenOptions,
): Promise<OpenedExamples> {
  const { length, template, seed } = options;
  if (!Number.isInteger(length) || length < 2) {
    throw new ConfigError(`The row length is ${length}; give a whole number of at least 2`, { length });
  }
  const { files, own } = await findData(config, options);
  const tally = new Tally();
  const kind = await firstKind(files, config, tally);
  if (kind !== "text") requireTemplate(kind, config, template);
  const context: MakeContext = { kind, config, tokenizer, template, length, tally };
  const heldTally = new Tally();
  const held = own === undefined ? undefined : await readExamples(own, { ...context, tally: heldTally }, 0);
  const common = {
    kind,
    warnings: () => [...tally.lines, ...heldTally.lines.map((line) => `held out: ${line}`)],
  };
  if (config.stream) {
    const train = new ExampleStream({ files, context, seed }, options.from);
    const rest = heldOut(held?.train ?? [], held?.trainBytes ?? 0);
    return {
      ...common,
      ...rest,
      train,
      position: (next) => train.position(next),
      close: () => train.close(),
    };
  }
  const all = await readExamples(files, context, shareOf(config, own !== undefined));
  const rest =
    held === undefined ? heldOut(all.heldOut, all.heldBytes) : heldOut(held.train, held.trainBytes);
  const train = shuffledSource(all.train, seed);
  return { ...common, ...rest, train, position: () => undefined, close: async () => {} };
}

function heldOut(
  examples: readonly Answer[],
  bytes: number,
): Pick<OpenedExamples, "heldOut" | "tokensPerByte"> {
  const tokens = examples.reduce((sum, { ids, promptLength }) => sum + ids.length - promptLength, 0);
  return {
    heldOut: examples.length === 0 ? undefined : orderedSource(examples),
    tokensPerByte: bytes === 0 ? 0 : tokens / bytes,
  };
}

function requireTemplate(kind: RowKind, config: DataConfig, template: ChatTemplate | undefined): void {
  if (template?.kind === "jinja") return;
  const needs = kind === "messages" || isChat({ config, template });
  if (!needs) return;
  const what = kind === "messages" ? "chats need" : "data.prompt_format=chat needs";
  const other = kind === "messages" ? "prompts and responses" : "data.prompt_format=raw";
  throw new ConfigError(
    `${what} a chat template, and the model has none; put a chat_template.jinja into its folder, or use ${other}`,
  );
}
