// Documents joined and cut to rows of one length, for pre-training.
//
//   corrected  each document with the end token behind it (unless document_end is off), one after the other; rows of
//              exactly `length` ids. What is left at the end is filled up with end tokens.
//   released   what MDLM's and DiDi-Instruct's code does: rows of length − 2 ids framed by BOS and EOS, whether or not a
//              document begins or ends there; each thousand documents are joined by themselves, and what is left of them
//              is dropped.
//
// The frame tells a network that texts end in the middle of a sentence, every 1,024 tokens.

import { ConfigError } from "../base/errors.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { DataConfig } from "./config.ts";

/** What is joined and not cut yet. */
export interface WrapState {
  readonly pending: readonly number[];
  /** Documents joined since the last remainder was dropped. */
  readonly documents: number;
}

export const nothingPending: WrapState = { pending: [], documents: 0 };

const releasedGroup = 1000;

export interface Wrapped {
  readonly rows: readonly Int32Array[];
  readonly state: WrapState;
}

export interface Wrapper {
  add(ids: Int32Array, state: WrapState): Wrapped;
  /** The last row of an epoch, if there is one. */
  end(state: WrapState): readonly Int32Array[];
}

type WrapConfig = Pick<DataConfig, "fidelity" | "document_end">;

export function wrapper(
  { fidelity, document_end: hasEnd }: WrapConfig,
  { specials: { eos, bos = eos } }: Pick<Tokenizer, "specials">,
  length: number,
): Wrapper {
  if (eos === undefined) throw new ConfigError("the tokenizer has no end token to put between documents");
  const isReleased = fidelity === "released";
  const size = isReleased ? length - 2 : length;
  if (size < 1)
    throw new ConfigError(`The row length is ${length}; give at least ${isReleased ? 3 : 1}`, { length });
  const row = (ids: Int32Array) => {
    if (!isReleased) return ids;
    const framed = new Int32Array(length).fill(eos);
    framed[0] = bos!;
    framed.set(ids, 1);
    return framed;
  };
  return {
    add: (ids, { pending, documents }) => {
      const joined = new Int32Array(pending.length + ids.length + (hasEnd ? 1 : 0)).fill(eos);
      joined.set(pending);
      joined.set(ids, pending.length);
      const whole = Math.floor(joined.length / size);
      const rows = Array.from({ length: whole }, (_, at) => row(joined.slice(at * size, (at + 1) * size)));
      const isDone = isReleased && documents + 1 === releasedGroup;
      const rest = isDone ? [] : Array.from(joined.subarray(whole * size));
      return { rows, state: { pending: rest, documents: isDone ? 0 : documents + 1 } };
    },
    end: ({ pending }) => {
      if (isReleased || pending.length === 0) return [];
      const last = new Int32Array(size).fill(eos);
      last.set(pending);
      return [last];
    },
  };
}
