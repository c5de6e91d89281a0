// Gradients: thin functions over libtorch's engine.

import { put, take, torchError } from "./dispatch.ts";
import { native, wire } from "./native.ts";
import { Tensor } from "./tensor.ts";

export interface BackwardOptions {
  /** Gradient of the result with respect to each output; 1 for scalars by default. */
  gradients?: readonly Tensor[] | undefined;
  /** Accumulate only into these leaves. */
  inputs?: readonly Tensor[] | undefined;
  retainGraph?: boolean | undefined;
  createGraph?: boolean | undefined;
}

function putBackward(outputs: readonly Tensor[], options: BackwardOptions): void {
  let at = put(outputs, 0);
  at = put(options.gradients ?? [], at);
  at = put(options.retainGraph ?? options.createGraph ?? false, at);
  at = put(options.createGraph ?? false, at);
  put(options.inputs ?? [], at);
}

const asList = (tensors: Tensor | readonly Tensor[]): readonly Tensor[] =>
  tensors instanceof Tensor ? [tensors] : tensors;

/** Accumulates the gradients of `outputs` into the `.grad` of every leaf that wants one. */
export function backward(outputs: Tensor | readonly Tensor[], options: BackwardOptions = {}): void {
  const list = asList(outputs);
  try {
    putBackward(list, options);
    native.backward();
  } catch (error) {
    throw torchError("backward", error, list);
  }
}

/** The same on the worker thread: the event loop stays free. Leave the graph alone until the promise settles. */
export async function backwardAsync(
  outputs: Tensor | readonly Tensor[],
  options: BackwardOptions = {},
): Promise<void> {
  const list = asList(outputs);
  try {
    putBackward(list, options);
    await native.backward(true);
  } catch (error) {
    throw torchError("backward", error, list);
  }
}

export interface GradOptions {
  gradients?: readonly Tensor[] | undefined;
  retainGraph?: boolean | undefined;
  createGraph?: boolean | undefined;
  /** Give null for inputs that the outputs do not depend on, instead of throwing. */
  allowUnused?: boolean | undefined;
}

/** Gradients of `outputs` with respect to `inputs`, in their order; nothing is accumulated. */
export function grad(outputs: Tensor | readonly Tensor[], inputs: readonly Tensor[]): Tensor[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions & { allowUnused: true },
): (Tensor | null)[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions,
): Tensor[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  const list = asList(outputs);
  try {
    let at = put(list, 0);
    at = put(inputs, at);
    at = put(options.gradients ?? [], at);
    at = put(options.retainGraph ?? options.createGraph ?? false, at);
    at = put(options.createGraph ?? false, at);
    put(options.allowUnused ?? false, at);
    native.gradients();
  } catch (error) {
    throw torchError("grad", error, [...list, ...inputs]);
  }
  return take(wire) as (Tensor | null)[];
}

/** The gradient accumulated in a leaf, or null. It shares memory with the leaf's own. */
export function gradientOf(leaf: Tensor): Tensor | null {
  try {
    put(leaf, 0);
    native.gradientOf();
  } catch (error) {
    throw torchError("gradientOf", error, [leaf]);
  }
  return take(wire)[0] as Tensor | null;
}

/** Replaces the gradient of a leaf; null removes it. */
export function setGradient(leaf: Tensor, gradient: Tensor | null): void {
  try {
    put(gradient, put(leaf, 0));
    native.setGradient();
  } catch (error) {
    throw torchError("setGradient", error, [leaf, gradient]);
  }
}

/** Runs `body` without recording a graph. Synchronous, like scope(). */
export function noGrad<Result>(body: () => Result): Result {
  return withGradMode(false, body);
}

/** Runs `body` with recording on, inside a noGrad() say. */
export function enableGrad<Result>(body: () => Result): Result {
  return withGradMode(true, body);
}

/** Whether a graph is recorded now. */
export function recordsGraph(): boolean {
  const enabled = native.setGradMode(true);
  native.setGradMode(enabled);
  return enabled;
}

function withGradMode<Result>(enabled: boolean, body: () => Result): Result {
  const previous = native.setGradMode(enabled);
  try {
    const result = body();
    if (result instanceof Promise) {
      throw new TypeError("noGrad() and enableGrad() need a synchronous function; await outside them");
    }
    return result;
  } finally {
    native.setGradMode(previous);
  }
}
