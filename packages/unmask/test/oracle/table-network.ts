// A network whose logits are its one parameter, a row a column fed: losses can be held against plain arithmetic.

import { indexSelect, setRequiresGrad, tensor } from "@unmask/torch";
import type { Network } from "../../src/models/family.ts";

export function tableNetwork(logits: readonly (readonly number[])[]): Network {
  const table = tensor(
    logits.map((row) => [...row]),
    undefined,
    { dtype: "float64" },
  );
  setRequiresGrad(table, true);
  const none = () => {
    throw new Error("a table has no layers");
  };
  return {
    parameters: new Map([["table", table]]),
    logits: (_, rows_N) => (rows_N === undefined ? table : indexSelect(table, 0, rows_N)),
    hiddenStates: none,
    createCache: none,
  };
}
