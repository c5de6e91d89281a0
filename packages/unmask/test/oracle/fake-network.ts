// A network whose logits stand in a table, and which remembers what it was fed.

import { indexSelect, type Tensor, tensor, toNumbers } from "@unmask/torch";
import type { ForwardOptions } from "../../src/models/family.ts";
import type { Denoiser } from "../../src/propose/propose.ts";

export interface FakeNetwork extends Denoiser {
  /** Rows and ids of each forward. */
  readonly calls: { rows: number; ids: number[]; wanted: number[]; options: ForwardOptions }[];
}

/** Gives row r of `table` at every column r mod table length. */
export function fakeNetwork(table: readonly (readonly number[])[]): FakeNetwork {
  const calls: FakeNetwork["calls"] = [];
  const rows = tensor(table.map((row) => [...row]));
  return {
    calls,
    logits(ids: Tensor, rows_N?: Tensor, options: ForwardOptions = {}) {
      const [count, length] = ids.shape as [number, number];
      const wanted = toNumbers(rows_N!);
      calls.push({ rows: count, ids: toNumbers(ids), wanted, options });
      const columns = wanted.map((at) => (at % length) % table.length);
      return indexSelect(rows, 0, tensor(columns, undefined, { dtype: "int64" }));
    },
  };
}
