// A handle to a libtorch tensor, and who frees it.
//
// V8 does not see tensor memory, so tensors are freed on purpose: a scope frees what was made inside it
// (scope.ts), `using` or dispose() frees one, and a FinalizationRegistry is the net for those made outside any
// scope. Freeing twice is harmless; using a freed tensor throws.

import { type Device, deviceName } from "./device.ts";
import { type Dtype, dtypeName } from "./dtype.ts";
import { TorchError } from "./errors.ts";
import { native, wire } from "./native.ts";

/** The tensors made inside one call of scope(). */
export interface Owner {
  readonly tensors: Tensor[];
}

const owners: { current: Owner | undefined } = { current: undefined };
const finalisers = new FinalizationRegistry<number>((handle) => native.freeTensor(handle));
const freed = -1;

export class Tensor {
  /** Index into the addon's table; −1 once freed. Package-internal. */
  handle: number;
  /** Package-internal: the scope that will free this tensor, if any. */
  owner: Owner | undefined;
  private facts: { dtype: Dtype; device: Device; shape: readonly number[] } | undefined;

  /** Package-internal: tensors come from operators and from creation functions. */
  constructor(handle: number) {
    this.handle = handle;
    this.owner = owners.current;
    this.facts = undefined;
    if (this.owner !== undefined) this.owner.tensors.push(this);
    else finalisers.register(this, handle, this);
  }

  /** Sizes of the dimensions; [] for a scalar. */
  get shape(): readonly number[] {
    return this.info().shape;
  }
  get dtype(): Dtype {
    return this.info().dtype;
  }
  get device(): Device {
    return this.info().device;
  }
  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }
  get requiresGrad(): boolean {
    return (this.flags() & 1) !== 0;
  }
  get isLeaf(): boolean {
    return (this.flags() & 2) !== 0;
  }
  get isContiguous(): boolean {
    return (this.flags() & 4) !== 0;
  }
  get isDisposed(): boolean {
    return this.handle === freed;
  }

  /** Frees this handle; the memory goes when no other tensor or graph shares it. */
  dispose(): void {
    if (this.handle === freed) return;
    native.freeTensor(this.handle);
    if (this.owner === undefined) finalisers.unregister(this);
    this.handle = freed;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** For example `float32[2, 3]`, with the device unless it is the CPU. */
  describe(): string {
    if (this.handle === freed) return "freed tensor";
    const { dtype, shape, device } = this.info();
    return `${dtype}[${shape.join(", ")}]${device === "cpu" ? "" : ` on ${device}`}`;
  }

  toString(): string {
    return `Tensor ${this.describe()}`;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /** Package-internal: after an operator that may have changed shape or dtype in place. */
  forgetFacts(): void {
    this.facts = undefined;
  }

  private flags(): number {
    this.readInfo();
    return wire[2]!;
  }

  private readInfo(): void {
    if (this.handle === freed) throw new TorchError("tensor", "it was used after it had been freed");
    native.tensorInfo(this.handle);
  }

  private info() {
    if (this.facts === undefined || this.handle === freed) {
      this.readInfo();
      const shape = Array.from(wire.subarray(4, 4 + wire[3]!));
      this.facts = { dtype: dtypeName(wire[0]!), device: deviceName(wire[1]!), shape };
    }
    return this.facts;
  }
}

/** Package-internal: the innermost running scope. */
export function currentOwner(): Owner | undefined {
  return owners.current;
}

/** Package-internal: makes `owner` the innermost scope and returns the one before. */
export function exchangeOwner(owner: Owner | undefined): Owner | undefined {
  const previous = owners.current;
  owners.current = owner;
  wire[wire.length - 1] = owner === undefined ? 0 : 1;
  return previous;
}

/** Package-internal: hands a tensor to another scope, or to the finaliser when there is none. */
export function changeOwner(tensor: Tensor, owner: Owner | undefined): void {
  if (tensor.owner === owner) return;
  if (tensor.owner === undefined) finalisers.unregister(tensor);
  tensor.owner = owner;
  if (owner !== undefined) owner.tensors.push(tensor);
  else finalisers.register(tensor, tensor.handle, tensor);
}
