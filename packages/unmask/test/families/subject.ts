// What the parts of the families' contract share: the subject, a batch of ids, and how near is near.

import { abs, item, max, noGrad, scope, sub, type Tensor, tensor } from "@unmask/torch";
import type { Facts, Network } from "../../src/models/family.ts";
import type { LoadedNetwork } from "../../src/models/load.ts";

/** A family and what is known of its small checkpoint. */
export interface ContractSubject {
  readonly family: string;
  /** Folder with config.json and model.safetensors. */
  readonly folder: string;
  readonly facts: Facts;
  /** Parameters that turn the last hidden state into logits. */
  readonly head: { readonly weight: string; readonly bias?: string };
}

/** Differences that a product of another shape makes in float32. */
export const rounding = 1e-4;

export const ids = (rows: number[][]): Tensor => tensor(rows, undefined, { dtype: "int64" });
export const largestDifference = (a: Tensor, b: Tensor): number => item(max(abs(sub(a, b))));
export const quietly = <Result>(body: () => Result): Result => scope(() => noGrad(body));

export const rows = [
  [5, 17, 80, 3, 3, 61, 200, 9, 44, 1, 7, 12],
  [90, 2, 41, 41, 6, 300, 15, 28, 33, 301, 0, 8],
  [11, 10, 9, 8, 250, 6, 5, 4, 3, 2, 1, 0],
];
/** Length of the rows. */
export const L = 12;

/** What the tests of one subject look at, once it is loaded. */
export type Get = () => { subject: ContractSubject; loaded: LoadedNetwork; network: Network; batch: Tensor };
