// Numbers of the open positions that the student's loss is made of: log-probabilities of written tokens, entropies, and
// divergences from the teacher. From whole log-probabilities [N, V], or, where these would be too many, from hidden rows
// with the vocabulary taken in chunks (diffusion/row-statistics.ts); the numbers and gradients are the same.
//
// Letters: N open positions of both states, V vocabulary, M written tokens, K lists of tokens.

import {
  add,
  cat,
  exp,
  indexSelect,
  logSoftmax,
  mul,
  narrow,
  neg,
  noGrad,
  type ProductDtype,
  type Recompute,
  reshape,
  stack,
  sub,
  sumDim,
  type Tensor,
  tensor,
} from "@unmask/torch";
import type { HeadRows } from "../../diffusion/head-chunks.ts";
import { rowDivergences, rowStatistics } from "../../diffusion/row-statistics.ts";
import { sigma } from "../../diffusion/schedule.ts";
import { deviceOf, idTensor } from "../../train/rows-forward.ts";
import type { DidiOptions } from "./options.ts";
import { releasedLogProbabilities } from "./released.ts";
import { type Denoiser, type DidiBatch, openLogits, openRows } from "./rollout.ts";
import type { States, Written } from "./states.ts";

export interface RowContext {
  readonly options: DidiOptions;
  readonly products?: ProductDtype | undefined;
  readonly recompute?: Recompute | undefined;
  /** More logits than this are never made at once; 2^26 by default. */
  readonly mostLogits?: number | undefined;
}

export interface RowNumbers {
  /** log p of each written token. */
  readonly logProbability_M: Tensor;
  readonly entropy_N: Tensor;
  /** Absent where it has no weight in the loss. */
  readonly divergence_N?: Tensor | undefined;
}

export interface RowWork {
  readonly batch: DidiBatch;
  readonly states: States;
  readonly tokens: readonly Written[];
}

type Networks = { readonly student: Denoiser; readonly teacher: Denoiser };

const mostAtOnce = 2 ** 26;

export function rowNumbers(networks: Networks, work: RowWork, context: RowContext): RowNumbers {
  const { fidelity, vocabularySize } = context.options;
  const { student, teacher } = networks;
  const isLarge = work.states.reads.length * vocabularySize > (context.mostLogits ?? mostAtOnce);
  const inChunks =
    isLarge && fidelity !== "released" && student.headRows !== undefined && teacher.headRows !== undefined;
  return inChunks ? chunked(networks, work, context) : whole(networks, work, context);
}

const isRegular = ({ klBeta, klHi, klLo }: DidiOptions): boolean => klBeta * (klHi + klLo) > 0;

function whole(
  { student, teacher }: Networks,
  { batch, states, tokens }: RowWork,
  context: RowContext,
): RowNumbers {
  const student_NV = studentLogProbabilities(student, states, context);
  const divergence_N = isRegular(context.options)
    ? divergences(
        noGrad(() => teacherLogProbabilities(teacher, batch, { ...context, states })),
        student_NV,
        context.options,
      )
    : undefined;
  return {
    logProbability_M: logProbabilitiesOf(student_NV, tokens),
    entropy_N: neg(sumDim(mul(exp(student_NV), student_NV), -1)),
    divergence_N,
  };
}

/** log p [N, V] of the open positions of both states: SUBS, at sigma 0. */
export function studentLogProbabilities(student: Denoiser, states: States, context: RowContext): Tensor {
  const logits_NV = openLogits(student, { ...states, ...context });
  return context.options.fidelity === "released"
    ? releasedLogProbabilities(logits_NV)
    : logSoftmax(logits_NV, -1);
}

/** log q [N, V]: as the student's; as published of raw logits, and told the noise before the step. */
export function teacherLogProbabilities(
  teacher: Denoiser,
  { tau }: Pick<DidiBatch, "tau">,
  { states, options, products }: Pick<RowContext, "options" | "products"> & { states: States },
): Tensor {
  if (options.fidelity !== "released") {
    return logSoftmax(openLogits(teacher, { ...states, options, products }), -1);
  }
  const { ids, length, firstRows, reads } = states;
  const device = deviceOf(teacher);
  const times = [...Array<number>(firstRows).fill(1), ...tau];
  const levels = Float32Array.from(times, (time) => sigma(options.schedule, time));
  const ids_BL = idTensor(ids, device, [times.length, length]);
  const sigma_B = tensor(levels, undefined, { device });
  return logSoftmax(teacher.logits(ids_BL, idTensor(reads, device), { products, sigma_B }), -1);
}

/** log p of each token, [M]. */
export function logProbabilitiesOf(student_NV: Tensor, tokens: readonly Written[]): Tensor {
  const V = student_NV.shape[1]!;
  const places = tokens.map(({ read, token }) => read * V + token);
  return indexSelect(reshape(student_NV, [-1]), 0, idTensor(places, student_NV.device));
}

/** Of each position, [N], from log q of the teacher and log p of the student. */
function divergences(teacher_NV: Tensor, student_NV: Tensor, options: DidiOptions): Tensor {
  const difference_NV = sub(teacher_NV, student_NV);
  return mixed(options, {
    forward: () => sumDim(mul(exp(teacher_NV), difference_NV), -1),
    reverse: () => neg(sumDim(mul(exp(student_NV), difference_NV), -1)),
  });
}

function mixed(
  { kl, jeffreyBeta }: DidiOptions,
  { forward, reverse }: { forward: () => Tensor; reverse: () => Tensor },
): Tensor {
  if (kl === "forward") return forward();
  if (kl === "reverse") return reverse();
  return add(mul(forward(), 1 - jeffreyBeta), mul(reverse(), jeffreyBeta));
}

function chunked(
  { student, teacher }: Networks,
  { states, tokens }: RowWork,
  context: RowContext,
): RowNumbers {
  const { options, products, recompute } = context;
  const rows = openRows(student, { ...states, options, products, recompute });
  const { firstReads, reads } = states;
  const parts = [
    [0, firstReads],
    [firstReads, reads.length - firstReads],
  ] as const;
  const lists = tokenLists(tokens, states);
  const found = parts.map(([start, count], part) =>
    rowStatistics(
      { ...rows, hidden_ND: narrow(rows.hidden_ND, 0, start, count) },
      {
        ...{ products, recompute, entropyTemperature: 1 },
        targets: lists.targets[part]!.map((list) => idTensor(list, rows.hidden_ND.device)),
      },
    ),
  );
  const flat = found.flatMap(({ logProbabilities }) =>
    logProbabilities.length === 0 ? [] : [reshape(stack(logProbabilities), [-1])],
  );
  const teacherRows = isRegular(options)
    ? noGrad(() => openRows(teacher, { ...states, options, products }))
    : undefined;
  return {
    logProbability_M: indexSelect(cat(flat), 0, idTensor(lists.places, rows.hidden_ND.device)),
    entropy_N: cat(found.map(({ entropy_N }) => entropy_N!)),
    divergence_N: teacherRows && divergencesInChunks(teacherRows, rows, context),
  };
}

function divergencesInChunks(teacher: HeadRows, student: HeadRows, context: RowContext): Tensor {
  const { options, products, recompute } = context;
  const { forward_N, reverse_N } = rowDivergences(teacher, student, { products, recompute });
  return mixed(options, { forward: () => forward_N, reverse: () => reverse_N });
}

/**
 * The tokens as lists of one token a read, as few as hold them all: [first state, second state], and where in the lists,
 * one behind the other, each token is.
 */
function tokenLists(tokens: readonly Written[], { firstReads, reads }: States) {
  const sizes = [firstReads, reads.length - firstReads] as const;
  const targets: [number[][], number[][]] = [[], []];
  const used = new Int32Array(reads.length);
  const found = tokens.map(({ read, token }) => {
    const part = read < firstReads ? 0 : 1;
    const list = used[read]!;
    used[read] = list + 1;
    const at = part === 0 ? read : read - firstReads;
    targets[part][list] ??= Array<number>(sizes[part]).fill(0);
    targets[part][list]![at] = token;
    return { part, place: list * sizes[part] + at };
  });
  const before = targets[0].length * sizes[0];
  return { targets, places: found.map(({ part, place }) => place + (part === 0 ? 0 : before)) };
}
