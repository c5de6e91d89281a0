// An answer in one piece.

import { ClosedError } from "../errors.ts";
import { json } from "./json.ts";
import { choiceCount, type Run, wantsLogprobs } from "./run.ts";
import { clientGone, type Exchange, type Service } from "./service.ts";
import { Tally } from "./tally.ts";
import { together } from "./together.ts";

/** Throws what the engine throws. */
export async function answerWhole(service: Service, exchange: Exchange, run: Run): Promise<Response> {
  const tally = new Tally(run.requests.length, run.asked.request.count);
  let isCut = false;
  try {
    for await (const one of together(service.engine, run.requests, exchange.controller)) {
      tally.add(one);
      if (one.event.type === "text-delta") service.metrics.firstText(exchange);
    }
  } catch (error) {
    if (exchange.isGone()) return new Response(null, { status: clientGone });
    if (!canReturnPart(error, run, tally)) throw error;
    isCut = true;
  }
  if (exchange.isGone()) return new Response(null, { status: clientGone });
  service.metrics.answered(tally);
  const { shape, id, created, model, asked } = run;
  const withLogprobs = wantsLogprobs(run);
  const choices = Array.from({ length: choiceCount(run) }, (_, i) => {
    const { text, finishReason = "length", logprobs } = tally.choices[i]!;
    return shape.choice(i, { text, finishReason, logprobs: withLogprobs ? logprobs : undefined });
  });
  const { decoder, request } = asked;
  const { forwards, queued, worked } = tally;
  const unmask = { seed: request.seed, decoder, forwards, queued_ms: queued, worked_ms: worked };
  const head = { id, object: shape.object, created, model, choices, usage: tally.usage };
  return json({ ...head, unmask: isCut ? { ...unmask, interrupted: true } : unmask });
}

/** At shutdown a text is worth more than an error, unless half of it is worth nothing. */
export function canReturnPart(error: unknown, { asked }: Run, { choices }: Tally): boolean {
  if (!(error instanceof ClosedError) || asked.request.structure !== undefined) return false;
  return choices.some(({ text }) => text !== "");
}
