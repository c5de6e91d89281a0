// From a `data:` section to examples.

import type { OnProgress } from "../hub/progress.ts";
import type { HubSettings } from "../hub/settings.ts";
import type { ChatTemplate } from "../text/chat-template.ts";
import type { RowKind } from "./config.ts";
import type { Answer, ExampleSource } from "./example.ts";

export interface OpenOptions {
  readonly seed: number;
  /** Most ids of an example; exactly as many have the rows of wrapped texts. */
  readonly length: number;
  /** The model's; needed for messages. */
  readonly template?: ChatTemplate | undefined;
  readonly settings?: HubSettings | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
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
  /** Lets go of open files. */
  close(): Promise<void>;
}
