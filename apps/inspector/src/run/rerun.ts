// A decoder asked again. Decoders plan and decide by arithmetic on what they see, so a recorded run can be gone through
// once more with the decoder that made it, and beside it the same decoder with another option: both look at the canvas as
// it was, and at what was proposed then.

import { type Canvas, newCanvas } from "#unmask/decode/canvas.ts";
import { closeFilled, fill } from "#unmask/decode/commit.ts";
import { type Fidelity, type OptionValues, readOptions } from "#unmask/decode/decoder.ts";
import { decoders } from "#unmask/decode/decoders.ts";
import type { Policy, Proposal } from "#unmask/decode/policies/policy.ts";
import type { Proposals, Trajectory, TrajectoryHeader } from "#unmask/trajectory/record.ts";

export interface Recorded {
  readonly header: TrajectoryHeader;
  readonly row: Trajectory;
}

/** Places that the decoder with other options would have committed at a step; undefined if it had ended by then. */
export function decidedAt(recorded: Recorded, step: number, change: OptionValues): number[] | undefined {
  const film = filmOf(recorded);
  if (film === undefined) return undefined;
  const own = policyOf(recorded, {})?.start(film.canvas);
  const other = policyOf(recorded, change)?.start(film.canvas);
  if (own === undefined || other === undefined) return undefined;
  for (let forward = 0; forward < step; forward++) {
    const [plan, another] = [own.plan(), other.plan()];
    if (plan === undefined || another === undefined) return undefined;
    if (plan.fill !== undefined) fill(film.canvas, plan.fill);
    film.canvas.forwards++;
    if (forward === step - 1) {
      const { columns, ...rest } = film.proposal(forward);
      const { commit } = other.decide({ columns, ...rest });
      return commit.map((i) => columns[i]! - recorded.row.prompt_ids.length);
    }
    film.commit(forward);
    if (plan.fill?.keepOpen === true) closeFilled(film.canvas, plan.fill);
  }
  return undefined;
}

const known = new WeakMap<Trajectory, boolean>();

/**
 * Whether the decoder, as its options are recorded, decides at every forward what the file says: only then is what it
 * says with others worth anything. It does not where it looks at more than is recorded.
 */
export function isRepeatable(recorded: Recorded): boolean {
  const found = known.get(recorded.row);
  if (found !== undefined) return found;
  const repeats = repeatsItself(recorded);
  known.set(recorded.row, repeats);
  return repeats;
}

function repeatsItself(recorded: Recorded): boolean {
  const film = filmOf(recorded);
  const own = film === undefined ? undefined : policyOf(recorded, {})?.start(film.canvas);
  if (film === undefined || own === undefined) return false;
  for (let forward = 0; forward < recorded.row.forwards; forward++) {
    const plan = own.plan();
    if (plan === undefined) return false;
    if (plan.fill !== undefined) fill(film.canvas, plan.fill);
    film.canvas.forwards++;
    const { commit, alternatives } = own.decide(film.proposal(forward));
    if (alternatives !== undefined || !film.isCommitted(forward, commit)) return false;
    film.commit(forward);
    if (plan.fill?.keepOpen === true) closeFilled(film.canvas, plan.fill);
  }
  return true;
}

function policyOf({ header, row }: Recorded, change: OptionValues): Policy | undefined {
  const { facts } = header;
  const decoder = decoders.find(({ name }) => name === header.decoder);
  if (facts === undefined || decoder === undefined || row.proposals === undefined) return undefined;
  try {
    const { policy } = decoder.create(
      readOptions(decoder, { ...(header.options as OptionValues), ...change }),
      {
        facts: {
          ...{ family: facts.family, shift: facts.shift, maskId: header.mask_id, endIds: header.end_ids },
          ...{ blockLength: facts.block_length ?? undefined, denoises: true },
          contextLength: row.prompt_ids.length + row.proposals.length,
        },
        seed: header.seed,
        fidelity: header.fidelity as Fidelity,
        promptLength: row.prompt_ids.length,
        newTokens: row.proposals.length,
      },
    );
    return policy;
  } catch {
    return undefined; // options that do not go together
  }
}

interface Film {
  readonly canvas: Canvas;
  proposal(forward: number): Proposal;
  isCommitted(forward: number, indices: readonly number[]): boolean;
  /** Writes what the file says was written in a forward. */
  commit(forward: number): void;
}

function filmOf({ header, row }: Recorded): Film | undefined {
  const { proposals, prompt_ids: prompt, token_ids: tokens } = row;
  if (proposals === undefined) return undefined;
  const given = new Map(
    tokens.flatMap((token, place) => (row.given[place] === 1 ? [[prompt.length + place, token]] : [])),
  );
  const length = prompt.length + proposals.length;
  const canvas = newCanvas({ length, noiseId: header.mask_id, sequence: row.sequence, prompt, given });
  const starts = startsOf(proposals);
  const span = (forward: number) => [starts[forward]!, starts[forward + 1]!] as const;
  return {
    canvas,
    proposal: (forward) => proposalOf(proposals, span(forward), prompt.length),
    isCommitted(forward, indices) {
      const [from, to] = span(forward);
      const written = indices.length === sum(proposals.committed.slice(from, to));
      return written && indices.every((i) => proposals.committed[from + i] === 1);
    },
    commit(forward) {
      const [from, to] = span(forward);
      for (let i = from; i < to; i++) {
        if (proposals.committed[i] !== 1) continue;
        const place = proposals.column[i]!;
        const column = prompt.length + place;
        canvas.ids[column] = tokens[place] ?? proposals.token[i]!;
        canvas.open[column] = 0;
        canvas.revealStep[column] = forward;
      }
    },
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function startsOf({ count }: Proposals): number[] {
  const starts = [0];
  for (const one of count) starts.push(starts.at(-1)! + one);
  return starts;
}

function proposalOf(
  { column, token, confidence, entropy, probability }: Proposals,
  [from, to]: readonly [number, number],
  promptLength: number,
): Proposal {
  const part = (values: readonly number[]) => Float32Array.from(values.slice(from, to));
  const tokens = Int32Array.from(token.slice(from, to));
  return {
    columns: Int32Array.from(column.slice(from, to), (place) => place + promptLength),
    ...{ token: tokens, best: tokens, probability: part(probability), plainProbability: part(confidence) },
    ...{ entropy: part(entropy), plainEntropy: part(entropy), margin: new Float32Array(to - from) },
  };
}
