// Life time by block: everything made inside is freed at its end, except what is returned.

import { changeOwner, currentOwner, exchangeOwner, type Owner, Tensor } from "./tensor.ts";

/**
 * Runs `body` and frees every tensor made inside it, except those reachable from its result (a tensor, or arrays,
 * plain objects and maps that hold tensors), which pass to the enclosing scope. An exception frees them all.
 *
 * `body` must be synchronous: a scope that stayed open across an `await` would swallow the tensors of whatever
 * runs meanwhile. Throws a TypeError if it returns a promise.
 */
export function scope<Result>(body: () => Result): Result {
  const owner: Owner = { tensors: [] };
  const parent = exchangeOwner(owner);
  let kept: Tensor[] = [];
  try {
    const result = body();
    if (result instanceof Promise) {
      throw new TypeError(
        "scope() needs a synchronous function, got one that returns a promise; await outside it",
      );
    }
    kept = tensorsIn(result);
    return result;
  } finally {
    exchangeOwner(parent);
    for (const tensor of kept) if (tensor.owner === owner) changeOwner(tensor, parent);
    for (const tensor of owner.tensors) if (tensor.owner === owner) tensor.dispose();
  }
}

/** Takes a tensor out of every scope: it lives until dispose() or until it is collected. */
export function keep<T extends Tensor>(tensor: T): T {
  changeOwner(tensor, undefined);
  return tensor;
}

/** Whether a scope is open now. */
export function insideScope(): boolean {
  return currentOwner() !== undefined;
}

/** The tensors reachable through arrays, plain objects and maps. */
export function tensorsIn(value: unknown, found: Tensor[] = []): Tensor[] {
  if (value instanceof Tensor) found.push(value);
  else if (Array.isArray(value)) for (const item of value) tensorsIn(item, found);
  else if (value instanceof Map) for (const item of value.values()) tensorsIn(item, found);
  else if (value !== null && typeof value === "object" && isPlain(value)) {
    for (const item of Object.values(value)) tensorsIn(item, found);
  }
  return found;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
