// Small networks of every trained family with gradients on, and what a backward leaves in their leaves.

import { fileURLToPath } from "node:url";
import {
  backward,
  gradientOf,
  item,
  type Recompute,
  scope,
  setGradient,
  setRequiresGrad,
  type Tensor,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { type LoadedNetwork, loadNetwork } from "../../src/models/load.ts";

const fixture = (path: string) => fileURLToPath(new URL(`../parity/fixtures/${path}`, import.meta.url));

/** Hidden size 64, vocabulary 320, 2 or 3 layers. */
export const trainedFolders = {
  llada: fixture("llada/checkpoint"),
  dream: fixture("dream/checkpoint"),
  sdar: fixture("sdar/model"),
  mdlm: fixture("mdlm/model"),
} as const;
export type TrainedFamily = keyof typeof trainedFolders;
export const trainedFamilies = Object.keys(trainedFolders) as TrainedFamily[];

export const ids = tensor([5, 17, 200, 3, 44, 91, 8, 30, 1, 2, 60, 7], [2, 6], { dtype: "int64" });
export const rows_N = tensor([0, 3, 4, 7, 11], undefined, { dtype: "int64" });

export interface Trained {
  readonly dtype?: "float32" | "bfloat16" | "float64" | "int8";
  /** By name of a parameter; all by default. */
  readonly trains?: (parameter: string) => boolean;
}

export function withTrained(
  family: TrainedFamily,
  { dtype = "float32", trains = () => true }: Trained,
  body: (loaded: LoadedNetwork, leaves: Map<string, Tensor>) => void,
): void {
  const loaded = loadNetwork(trainedFolders[family], { dtype, copy: true });
  const leaves = new Map([...loaded.network.parameters].filter(([name]) => dtype !== "int8" && trains(name)));
  for (const one of leaves.values()) setRequiresGrad(one, true);
  try {
    body(loaded, leaves);
  } finally {
    loaded.dispose();
  }
}

/** The loss that `forward` makes and the gradients of `leaves`, which are removed again. */
export function gradientsOf(
  leaves: ReadonlyMap<string, Tensor>,
  forward: () => Tensor,
  recompute?: Recompute,
): [string, number[] | null][] {
  return scope(() => {
    // In a scope of its own: what the forward made is freed before the gradient comes.
    const loss = scope(forward);
    backward(loss);
    recompute?.finish();
    const gradients = [...leaves].map(([name, leaf]): [string, number[] | null] => {
      const gradient = gradientOf(leaf);
      const numbers = gradient === null ? null : toNumbers(gradient);
      setGradient(leaf, null);
      return [name, numbers];
    });
    return [["loss", [item(loss)]], ...gradients];
  });
}
