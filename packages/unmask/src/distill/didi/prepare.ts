// What a batch of DiDi-Instruct decides on the host before any forward: everything but tokens.
//
// Each example makes a group of G texts. A text is written in two steps of the reverse process, 1 → tau → t0; whether a
// position is written at a step does not depend on tokens, so the plan of a text is known here:
//   written by the first step with probability  (alpha_tau − alpha_1) / (1 − alpha_1)
//   then by the second with                     (alpha_t0 − alpha_tau) / (1 − alpha_tau), which is 1 for t0 = 0
// and so is what of a text (and of a real one beside it) will be hidden from the critic, each position with probability
// 1 − alpha(t), where t = tau (coupled time).
//
// With known_share a random part of the example is given as a prompt would be, the same to the whole group: two steps over
// all of a long text write what no sampler of more steps ever sees, and what is left open here is written among real words.
//
// Everything random is keyed by the text, number example · G + member; a stream's steps are listed below.

import { drawBeta } from "../../base/beta.ts";
import { fillUniform, generator, type Stream, streams } from "../../base/rng.ts";
import { absorb } from "../../diffusion/corrupt.ts";
import { revealProbability } from "../../diffusion/schedule.ts";
import type { Answer } from "../../train/masked-batch.ts";
import type { Place } from "../../train/method.ts";
import { betaParameters, type DidiOptions } from "./options.ts";

/** The step coordinate of each use of a stream. */
export const draws = {
  time: { tau: 0, noise: 1, known: 2 },
  reveal: { first: 0, second: 1, again: 2, known: 3, teacher: 16 },
  token: { first: 0, second: 1, teacher: 16 },
  corruption: { fake: 0, real: 1 },
} as const;

/** Which step writes a position. */
export const written = { given: 0, first: 1, second: 2, never: 3 } as const;

/** Arrays of texts are row-major, [rows · length]; positions are flat indices into them. */
export interface DidiPlan {
  /** Texts: examples · G, a group's beside each other. */
  readonly rows: number;
  readonly length: number;
  /** Random coordinate of each text. */
  readonly sequences: readonly number[];
  readonly seed: number;
  readonly tau: Float64Array;
  /** Times of the noise on what the critic sees. */
  readonly times: Float64Array;
  /** Given tokens and masks. */
  readonly start: Int32Array;
  /** The example of each text. */
  readonly examples: Int32Array;
  /** Of `written`. */
  readonly steps: Uint8Array;
  /** 1 where the first step writes a token that is masked again and yet counts as written (released). */
  readonly lost: Uint8Array;
  /** Positions hidden from the critic, ascending. */
  readonly hidden: Sides;
  /** Positions that it is asked at. */
  readonly asked: Sides;
}

export interface Sides {
  readonly fake: Int32Array;
  readonly real: Int32Array;
}

/** Throws a RangeError for rows of unequal lengths. */
export function planTexts(
  answers: readonly Answer[],
  { seed, examples: numbers }: Pick<Place, "seed" | "examples">,
  options: DidiOptions,
): DidiPlan {
  const { numSamplesPerPrompt: G } = options;
  const sequences = numbers.flatMap((number) =>
    Array.from({ length: G }, (_, member) => number * G + member),
  );
  const owners = numbers.map((number) => number * G);
  const { length, examples, start, given } = beginningsOf(answers, { seed, owners }, options);
  const source = { seed, sequences, length, given };
  const tau = Float64Array.from(sequences, (sequence) => {
    const owner = options.sharedTau ? sequence - (sequence % G) : sequence;
    return drawTime(options.tauMode, options, { seed, sequence: owner, step: draws.time.tau });
  });
  const times = options.coupledTime
    ? tau
    : Float64Array.from(sequences, (sequence) =>
        drawTime("uniform", options, { seed, sequence, step: draws.time.noise }),
      );
  const hidden = {
    fake: hiddenPositions({ ...source, step: draws.corruption.fake }, times, options),
    real: hiddenPositions({ ...source, step: draws.corruption.real }, times, options),
  };
  const open = Int32Array.from([...given.keys()].filter((flat) => given[flat] === 0));
  return {
    ...{ rows: sequences.length, length, sequences, seed, tau, times, start, examples, hidden },
    ...planSteps(source, tau, options),
    asked: options.discriminatorPositions === "all" ? { fake: open, real: open } : hidden,
  };
}

/** Each answer G times, and what is given of it. `owners`: random coordinates of the groups. */
function beginningsOf(
  answers: readonly Answer[],
  { seed, owners }: { seed: number; owners: readonly number[] },
  options: DidiOptions,
) {
  const { numSamplesPerPrompt: G, maskId } = options;
  const length = answers[0]?.ids.length ?? 0;
  const examples = new Int32Array(answers.length * G * length);
  const given = new Uint8Array(examples.length);
  answers.forEach(({ ids, promptLength, learnt }, i) => {
    if (ids.length !== length) {
      throw new RangeError(
        `rows of ${length} and of ${ids.length} tokens in one batch; cut them to one length`,
      );
    }
    const own = Uint8Array.from(ids, (_, column) => Number(column < promptLength || learnt?.[column] === 0));
    makeKnown(own, { seed, sequence: owners[i]! }, options);
    for (let row = i * G; row < (i + 1) * G; row++) {
      examples.set(Array.from(ids), row * length);
      given.set(own, row * length);
    }
  });
  return { length, examples, given, start: examples.map((id, flat) => (given[flat] === 1 ? id : maskId)) };
}

/** Gives a random share of what is open, at most `knownShare` of it, and never all. */
function makeKnown(
  given: Uint8Array,
  { seed, sequence }: { seed: number; sequence: number },
  { knownShare }: DidiOptions,
): void {
  if (knownShare === 0) return;
  const share = knownShare * generator({ seed, stream: streams.time, sequence, step: draws.time.known })();
  const [length, sequences] = [given.length, [sequence]];
  const uniforms = uniformsOf({ seed, sequences, length, given }, streams.reveal, draws.reveal.known);
  const lastOpen = lowest(uniforms.map((uniform, column) => (given[column] === 1 ? 1 : -uniform)));
  given.forEach((one, column) => {
    if (one === 0 && column !== lastOpen && uniforms[column]! < share) given[column] = 1;
  });
}

function drawTime(
  mode: string,
  { tauMinEps }: DidiOptions,
  { seed, sequence, step }: { seed: number; sequence: number; step: number },
): number {
  const [a, b] = betaParameters(mode);
  const time = drawBeta(a, b, generator({ seed, stream: streams.time, sequence, step }));
  return Math.min(Math.max(time, tauMinEps), 1 - tauMinEps);
}

interface Source {
  readonly seed: number;
  readonly sequences: readonly number[];
  readonly length: number;
  /** 1 where a token is given. */
  readonly given: Uint8Array;
}

/** One number a position, 1 where the token is given. */
function uniformsOf({ seed, sequences, length, given }: Source, stream: Stream, step: number): Float32Array {
  const all = new Float32Array(sequences.length * length);
  sequences.forEach((sequence, row) => {
    fillUniform(all.subarray(row * length, (row + 1) * length), { seed, stream }, sequence, step);
  });
  return all.map((uniform, flat) => (given[flat] === 1 ? 1 : uniform));
}

function planSteps(
  source: Source,
  tau: Float64Array,
  options: DidiOptions,
): Pick<DidiPlan, "steps" | "lost"> {
  const { schedule, t0Eps, scoreDecomposition, remaskProb, fidelity } = options;
  const { length, given, sequences } = source;
  const uniforms = (step: number) => uniformsOf(source, streams.reveal, step);
  const reach = (t: number, s: number) => (s === 0 ? 1 : revealProbability(schedule, t, s));
  const first = uniforms(draws.reveal.first);
  const second = uniforms(draws.reveal.second);
  const again = remaskProb > 0 ? uniforms(draws.reveal.again) : undefined;
  const steps = new Uint8Array(sequences.length * length);
  const lost = new Uint8Array(steps.length);
  for (let flat = 0; flat < steps.length; flat++) {
    if (given[flat] === 1) continue;
    const t = tau[Math.floor(flat / length)]!;
    const early = first[flat]! < reach(1, scoreDecomposition ? t : t0Eps);
    const isLost = early && again !== undefined && again[flat]! < remaskProb;
    if (early && !isLost) steps[flat] = written.first;
    else if (!scoreDecomposition) steps[flat] = written.never;
    else steps[flat] = second[flat]! < reach(t, t0Eps) ? written.second : written.never;
    // Whoever looks at the text never sees a lost token: its share in the gradient is noise with mean 0.
    if (isLost && fidelity === "released") lost[flat] = 1;
  }
  return { steps, lost };
}

/**
 * Each position with probability 1 − alpha(t). Where the critic is asked at these alone, a text that hides nothing would
 * have no reward at all, so one position, that of the lowest number, is always hidden; not so as published, where such a
 * text's reward is 0.
 */
function hiddenPositions(
  source: Source & { readonly step: number },
  times: Float64Array,
  { schedule, fidelity, maskId, discriminatorPositions }: DidiOptions,
): Int32Array {
  const { length, sequences, step } = source;
  const uniforms = uniformsOf(source, streams.corruption, step);
  if (fidelity !== "released" && discriminatorPositions === "hidden") {
    sequences.forEach((_, row) => {
      const own = uniforms.subarray(row * length, (row + 1) * length);
      const best = lowest(own);
      if (own[best]! < 1) own[best] = 0;
    });
  }
  const probabilities = Array.from(times, (t) => 1 - schedule.alpha(t));
  return absorb(new Int32Array(uniforms.length), length, { maskId, probabilities, uniforms }).positions;
}

function lowest(values: Float32Array): number {
  let best = 0;
  values.forEach((value, i) => {
    if (value < values[best]!) best = i;
  });
  return best;
}

/** A copy of the texts with masks at these positions. */
export function hide(texts: Int32Array, positions: Int32Array, maskId: number): Int32Array {
  const result = Int32Array.from(texts);
  for (const flat of positions) result[flat] = maskId;
  return result;
}

/** What losses are averaged over. */
export interface DidiCounts {
  readonly sequences: number;
  /** Positions open before the first and before the second step. */
  readonly open_first: number;
  readonly open_second: number;
  /** Positions that the critic is asked at. */
  readonly asked_real: number;
  readonly asked_fake: number;
}

export function countsOf({ rows, steps, asked }: Pick<DidiPlan, "rows" | "steps" | "asked">): DidiCounts {
  const among = (wanted: (step: number) => boolean) =>
    steps.reduce((sum, step) => sum + Number(wanted(step)), 0);
  return {
    sequences: rows,
    open_first: among((step) => step !== written.given),
    open_second: among((step) => step >= written.second),
    asked_real: asked.real.length,
    asked_fake: asked.fake.length,
  };
}
