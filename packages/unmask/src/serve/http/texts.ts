// The two endpoints that write text: from a body to an answer.

import { answerStream } from "./answer-stream.ts";
import { answerWhole } from "./answer-whole.ts";
import { readAsked } from "./asked.ts";
import { readJson } from "./body.ts";
import { badField } from "./errors.ts";
import { type CompletionBody, chatFields, completionFields, messagesOf, parseBody } from "./fields.ts";
import { newRun, type Run } from "./run.ts";
import type { Exchange, Service } from "./service.ts";
import { chatShape, completionShape } from "./shape.ts";

type Prompts = readonly (string | { readonly ids: readonly number[] })[];

/** POST /v1/chat/completions */
export async function chat(service: Service, exchange: Exchange, request: Request): Promise<Response> {
  const { model } = service.engine;
  const { fields, others } = parseBody(chatFields, await readJson(request, service.limits));
  const known = Object.keys(chatFields.shape);
  const asked = readAsked({ fields, others, known }, model, service.limits);
  const { logprobs = false, top_logprobs: top } = fields;
  if (top !== undefined && !logprobs) throw badField("top_logprobs", "needs logprobs: true");
  const topLogprobs = logprobs ? (top ?? 0) : undefined;
  const prompts = [messagesOf(fields)];
  const whole = { ...asked, request: { ...asked.request, topLogprobs } };
  return answer(
    service,
    exchange,
    newRun(chatShape, model.id, { asked: whole, prompts, client: exchange.client() }),
  );
}

/** POST /v1/completions */
export async function complete(service: Service, exchange: Exchange, request: Request): Promise<Response> {
  const { engine, limits } = service;
  const { fields, others } = parseBody(completionFields, await readJson(request, limits));
  const known = Object.keys(completionFields.shape);
  const asked = readAsked({ fields, others, known }, engine.model, limits);
  const prompts = promptsOf(fields);
  if (prompts.length * asked.request.count > limits.sequences) {
    throw badField("prompt", `prompts times n are more than ${limits.sequences}`);
  }
  const { suffix, logprobs: topLogprobs } = fields;
  const whole = { ...asked, request: { ...asked.request, suffix, topLogprobs } };
  return answer(
    service,
    exchange,
    newRun(completionShape, engine.model.id, { asked: whole, prompts, client: exchange.client() }),
  );
}

function promptsOf({ prompt = "" }: CompletionBody): Prompts {
  if (typeof prompt === "string") return [prompt];
  if (typeof prompt[0] === "number") return [{ ids: prompt as number[] }];
  return (prompt as (string | number[])[]).map((one) => (typeof one === "string" ? one : { ids: one }));
}

function answer(service: Service, exchange: Exchange, run: Run): Promise<Response> {
  return run.asked.stream ? answerStream(service, exchange, run) : answerWhole(service, exchange, run);
}
