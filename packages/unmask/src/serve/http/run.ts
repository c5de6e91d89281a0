// A text request made ready: what goes to the engine, and what every piece of the answer carries.

import { randomUUID } from "node:crypto";
import type { EngineRequest } from "../engine.ts";
import type { Asked } from "./asked.ts";
import type { Shape } from "./shape.ts";

export interface Run {
  readonly shape: Shape;
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
  readonly asked: Asked;
  /** One a prompt. */
  readonly requests: readonly EngineRequest[];
}

export function newRun(
  shape: Shape,
  model: string,
  { asked, prompts, client }: { asked: Asked; prompts: readonly EngineRequest["prompt"][]; client: string },
): Run {
  return {
    shape,
    id: `${shape.idPrefix}${randomUUID()}`,
    created: Math.floor(Date.now() / 1000),
    model,
    asked,
    // Equal prompts of a list are to have different answers.
    requests: prompts.map((prompt, i) => ({
      ...asked.request,
      client,
      prompt,
      seed: asked.request.seed + i,
    })),
  };
}

export const choiceCount = ({ requests, asked }: Run): number => requests.length * asked.request.count;

/** Logarithms are reported when they were asked for, even where there are none. */
export const wantsLogprobs = ({ asked }: Run): boolean => asked.request.topLogprobs !== undefined;
