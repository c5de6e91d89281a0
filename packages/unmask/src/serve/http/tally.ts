// What a request came to, from its events: texts, tokens, forwards, times.

import type { EngineEvent, TokenLogprob } from "../engine.ts";
import type { SourcedEvent } from "./together.ts";

export interface Choice {
  text: string;
  finishReason: "stop" | "length" | undefined;
  tokens: number;
  forwards: number;
  readonly logprobs: TokenLogprob[];
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
}

const newChoice = (): Choice => ({ text: "", finishReason: undefined, tokens: 0, forwards: 0, logprobs: [] });

export class Tally {
  /** Prompt by prompt, `count` of each. */
  readonly choices: readonly Choice[];
  private readonly count: number;
  private promptTokens = 0;
  private cachedTokens = 0;
  /** Milliseconds: the longest of the prompts'. */
  queued = 0;
  worked = 0;

  constructor(prompts: number, count: number) {
    this.count = count;
    this.choices = Array.from({ length: prompts * count }, newChoice);
  }

  /** The number of the choice that a sequence is. */
  choiceOf(source: number, index: number): number {
    return source * this.count + index;
  }

  add({ source, event }: SourcedEvent): void {
    if (event.type === "start") {
      this.promptTokens += event.promptTokens;
      this.cachedTokens += event.cachedTokens;
    } else if (event.type === "finish") {
      this.queued = Math.max(this.queued, event.queued);
      this.worked = Math.max(this.worked, event.worked);
    } else if (event.type !== "queued") this.addTo(this.choices[this.choiceOf(source, event.index)]!, event);
  }

  private addTo(choice: Choice, event: Exclude<EngineEvent, { type: "queued" | "start" | "finish" }>): void {
    if (event.type === "text-delta") {
      choice.text += event.text;
      choice.logprobs.push(...(event.logprobs ?? []));
    } else if (event.type === "sequence") {
      const { text, finishReason, tokens, forwards } = event;
      Object.assign(choice, { text, finishReason, tokens, forwards });
    }
  }

  get usage(): Usage {
    const written = this.choices.reduce((sum, { tokens }) => sum + tokens, 0);
    return {
      prompt_tokens: this.promptTokens,
      completion_tokens: written,
      total_tokens: this.promptTokens + written,
      prompt_tokens_details: { cached_tokens: this.cachedTokens },
    };
  }

  get forwards(): number[] {
    return this.choices.map(({ forwards }) => forwards);
  }
}
