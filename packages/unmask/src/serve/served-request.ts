// An engine's request made definite for one model: what it asks as generation asks it, what a sequence of it costs, and
// how each sequence is opened. Everything that can be wrong with it is refused here, before it waits.

import { UsageError } from "../base/errors.ts";
import { newCanvas } from "../decode/canvas.ts";
import { type Model, maskIdOf, tokenizerOf } from "../generate/load.ts";
import type { ModelProposals } from "../generate/proposals.ts";
import { type Job, resolveRequest } from "../generate/request.ts";
import { estimateSequence } from "../models/estimate.ts";
import type { EngineRequest } from "./engine.ts";
import type { ScheduledRequest } from "./scheduler.ts";
import { ServedSequence } from "./served-sequence.ts";

/** Most alternatives told of a token. */
const mostTop = 20;

/** Throws a UsageError, ConfigError, CheckpointError or UnsupportedError that says what to ask instead. */
export function serveRequest(
  model: Model,
  proposals: ModelProposals,
  request: EngineRequest,
): ScheduledRequest {
  checkTop(request.topLogprobs);
  const { prompt, ...options } = request;
  const resolved = resolveRequest(model, [prompt], options);
  const { jobs, stop, stopIds } = resolved;
  const [first] = jobs as readonly [Job, ...Job[]];
  const { seed = 0, fidelity = "corrected", suffix, topLogprobs, canvas: drafts = false } = request;
  const tail = suffix === undefined ? 0 : tokenizerOf(model).encode(suffix).length;
  const prepared = proposals.prepare({
    decoder: first.decoder,
    ...{ seed, fidelity, top: topLogprobs },
  });
  return {
    client: request.client ?? "",
    count: jobs.length,
    bytes: bytesOf(model, first),
    promptTokens: first.prompt.length,
    deadline: request.deadline,
    open(index) {
      const job = jobs[index]!;
      const sequence = new ServedSequence(model, job, {
        ...{ drafts, topLogprobs, bounds: { stop, stopIds, tail } },
        judge: prepared.judge,
        cachedTokens: (canvas) => proposals.prefixOf(canvas),
      });
      proposals.assign(sequence.canvas, prepared);
      return sequence;
    },
  };
}

function checkTop(top: number | undefined): void {
  if (top === undefined || (Number.isInteger(top) && top >= 0 && top <= mostTop)) return;
  throw new UsageError(`top_logprobs is ${top}; give an integer from 0 to ${mostTop}`, { topLogprobs: top });
}

/** Bytes that one sequence of the request takes while it runs, at most, as its first plan and its canvas tell. */
function bytesOf(model: Model, { prompt, newTokens, given, decoder }: Job): number {
  const length = prompt.length + newTokens + (decoder.extraColumns ?? 0);
  const canvas = newCanvas({ length, noiseId: maskIdOf(model), prompt, given });
  const plan = decoder.policy.start(canvas).plan();
  if (plan === undefined) return 0;
  const fed = plan.to - plan.from;
  const guided = decoder.guidance === undefined || decoder.guidance === 0 ? 1 : 2;
  const candidates = Math.max(plan.candidates.length, decoder.visibility?.blockLength ?? 0);
  return (
    guided *
    estimateSequence(model.origin, {
      ...{ fed, candidates, products: "float32" },
      cached: plan.cache === undefined ? 0 : length,
    })
  );
}
