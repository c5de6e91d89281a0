// A sequence of a served request: what its steps tell its reader.

import type { Canvas } from "../decode/canvas.ts";
import type { SequenceStep } from "../decode/decode.ts";
import type { Judge, Policy } from "../decode/policies/policy.ts";
import { type Model, tokenizerOf } from "../generate/load.ts";
import type { Job } from "../generate/request.ts";
import { type BeginOptions, begin, endingOf, freshColumns, type Sequence } from "../generate/sequence.ts";
import type { CanvasToken, EngineEvent } from "./engine.ts";
import { Logprobs } from "./logprobs.ts";
import { nameToken } from "./token-bytes.ts";

export interface ServedOptions {
  readonly bounds: BeginOptions;
  /** Whether canvas events are wanted. */
  readonly drafts: boolean;
  readonly topLogprobs: number | undefined;
  readonly judge: Judge | undefined;
  /** Columns of the canvas that were found among seen beginnings. */
  readonly cachedTokens: (canvas: Canvas) => number;
}

export class ServedSequence {
  readonly canvas: Canvas;
  readonly policy: Policy;
  readonly judge: Judge | undefined;
  private readonly model: Model;
  private readonly sequence: Sequence;
  private readonly drafts: boolean;
  private readonly tail: number;
  private readonly logprobs: Logprobs | undefined;
  readonly cachedTokens: () => number;

  constructor(model: Model, job: Job, options: ServedOptions) {
    const { bounds, drafts, topLogprobs, judge } = options;
    this.model = model;
    this.sequence = begin(model, job, bounds);
    this.canvas = this.sequence.canvas;
    this.policy = job.decoder.policy;
    this.judge = judge;
    this.cachedTokens = () => options.cachedTokens(this.canvas);
    this.drafts = drafts;
    this.tail = bounds.tail ?? 0;
    this.logprobs = topLogprobs === undefined ? undefined : new Logprobs(tokenizerOf(model), topLogprobs);
  }

  readonly isDone = (): boolean => this.sequence.text.end !== undefined;

  advance(step: SequenceStep): EngineEvent[] {
    this.logprobs?.add(step);
    const events = this.fresh();
    if (this.drafts) events.push(this.draft(step));
    return events;
  }

  finish(): { events: EngineEvent[]; tokens: number; wasted: number } {
    const { job, canvas, text } = this.sequence;
    const events = this.fresh();
    const { finishReason, tokens, tokensBehindEnd: wasted } = endingOf(this.sequence, true);
    const { forwards } = canvas;
    events.push({ type: "sequence", index: job.sequence, text: text.text, finishReason, tokens, forwards });
    return { events, tokens, wasted };
  }

  /** Text that became certain. */
  private fresh(): EngineEvent[] {
    const { job, canvas, text } = this.sequence;
    const fresh = text.advance(canvas);
    const logprobs = this.logprobs?.take(text.shown());
    if (fresh === "" && (logprobs === undefined || logprobs.length === 0)) return [];
    return [{ type: "text-delta", index: job.sequence, text: fresh, logprobs }];
  }

  private draft(step: SequenceStep): EngineEvent {
    const { job, canvas } = this.sequence;
    const from = job.prompt.length;
    const to = from + job.newTokens - this.tail;
    const fresh = freshColumns(canvas.length, step);
    const tokenizer = tokenizerOf(this.model);
    const tokens = Array.from({ length: to - from }, (_, i): CanvasToken => {
      const column = from + i;
      const { token: text } = nameToken(tokenizer, canvas.ids[column]!);
      if (canvas.given[column] === 1) return { text, state: "given" };
      if (canvas.open[column] === 1) return { text: "", state: "open" };
      return { text, state: fresh[column] === 1 ? "fresh" : "written" };
    });
    const steps = job.decoder.policy.limit(canvas);
    return { type: "canvas", index: job.sequence, step: canvas.forwards, steps, tokens };
  }
}
