// The one generic call: arguments onto the wire, the operator, results from the wire.
//
// Numbers: an integer-valued JavaScript number travels as an integer, any other as a float; `float(2)` forces a
// float where a Scalar argument would otherwise be an integer. bigint carries 64-bit integers.

import { DeviceCode } from "./device.ts";
import { firstSentence, TorchError } from "./errors.ts";
import { native, wire } from "./native.ts";
import { Tensor } from "./tensor.ts";

// The tags of native/values.h.
const tag = {
  default: 0,
  none: 1,
  tensor: 2,
  int: 3,
  double: 4,
  bool: 5,
  string: 6,
  list: 7,
  bigint: 8,
  device: 9,
  generator: 10,
} as const;

/** A number that stays a float even when it is integer-valued. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

export const float = (value: number): Float => new Float(value);

/** A source of random numbers inside libtorch; see createGenerator. */
export class Generator {
  /** Package-internal. */
  readonly index: number;
  constructor(index: number) {
    this.index = index;
  }
}

export type Scalar = number | boolean | bigint | Float;
export type Argument =
  | Tensor
  | Scalar
  | string
  | null
  | undefined
  | DeviceCode
  | Generator
  | readonly Argument[];

/** An operator of the dispatcher, looked up when it is first called. */
export class Operator {
  id = -1;
  readonly name: string;
  readonly overload: string;

  /** `qualified` is "aten::add.Tensor"; the part behind the dot is the overload. */
  constructor(qualified: string) {
    const dot = qualified.indexOf(".");
    this.name = dot < 0 ? qualified : qualified.slice(0, dot);
    this.overload = dot < 0 ? "" : qualified.slice(dot + 1);
  }

  /** Whether the libtorch in use has it. */
  get exists(): boolean {
    if (this.id < 0) this.id = native.lookUpOperator(this.name, this.overload);
    return this.id >= 0;
  }

  get qualified(): string {
    return this.overload === "" ? this.name : `${this.name}.${this.overload}`;
  }

  get schema(): string {
    if (!this.exists) throw new TorchError(this.qualified, "this libtorch has no such operator");
    return native.operatorSchema(this.id);
  }
}

export const operator = (qualified: string): Operator => new Operator(qualified);

const stringIds = new Map<string, number>();

function stringId(text: string): number {
  let id = stringIds.get(text);
  if (id === undefined) {
    id = native.internString(text);
    stringIds.set(text, id);
  }
  return id;
}

/** Writes one tagged value at `at`; returns the position behind it. Package-internal. */
export function put(value: Argument, at: number): number {
  if (value instanceof Tensor) {
    if (value.handle < 0) throw new Error("a tensor was used after it had been freed");
    wire[at] = tag.tensor;
    wire[at + 1] = value.handle;
    return at + 2;
  }
  switch (typeof value) {
    case "number":
      wire[at] = Number.isSafeInteger(value) ? tag.int : tag.double;
      wire[at + 1] = value;
      return at + 2;
    case "undefined":
      wire[at] = tag.default;
      return at + 2;
    case "boolean":
      wire[at] = tag.bool;
      wire[at + 1] = value ? 1 : 0;
      return at + 2;
    case "string":
      wire[at + 1] = stringId(value);
      wire[at] = tag.string;
      return at + 2;
    case "bigint":
      if (BigInt.asIntN(64, value) !== value) throw new Error(`${value} does not fit into 64 bits`);
      wire[at] = tag.bigint;
      wire[at + 1] = Number(BigInt.asIntN(32, value >> 32n));
      wire[at + 2] = Number(BigInt.asUintN(32, value));
      return at + 3;
    default:
      return putObject(value, at);
  }
}

function putObject(
  value: Exclude<Argument, Tensor | number | string | boolean | bigint | undefined>,
  at: number,
): number {
  if (value === null) {
    wire[at] = tag.none;
    return at + 2;
  }
  if (Array.isArray(value)) {
    if (at + 2 * value.length + 3 > wire.length)
      throw new Error(`a list of ${value.length} values is too long for one call`);
    wire[at] = tag.list;
    wire[at + 1] = value.length;
    let end = at + 2;
    for (const item of value) end = put(item, end);
    return end;
  }
  const [kind, number] =
    value instanceof Float
      ? [tag.double, value.value]
      : value instanceof DeviceCode
        ? [tag.device, value.code]
        : value instanceof Generator
          ? [tag.generator, value.index]
          : [-1, 0];
  if (kind < 0) throw new Error(`${describe(value)} cannot be an argument of an operator`);
  wire[at] = kind;
  wire[at + 1] = number;
  return at + 2;
}

/** Reads `count` tagged values of `source` from position 1 on. Package-internal. */
export function take(source: Float64Array): unknown[] {
  const results: unknown[] = [];
  let at = 1;
  const read = (): unknown => {
    const kind = source[at]!;
    const number = source[at + 1]!;
    at += 2;
    if (kind === tag.tensor) return new Tensor(number);
    if (kind === tag.none) return null;
    if (kind === tag.bool) return number !== 0;
    if (kind === tag.list) return Array.from({ length: number }, read);
    return number;
  };
  for (let i = 0; i < source[0]!; i++) results.push(read());
  return results;
}

function describe(value: unknown, depth = 0): string {
  if (value instanceof Tensor) return value.describe();
  if (value instanceof Float) return String(value.value);
  if (value instanceof DeviceCode) return "device";
  if (Array.isArray(value)) {
    const short = value.length <= 4 && depth < 4;
    return short
      ? `[${value.map((item) => describe(item, depth + 1)).join(", ")}]`
      : `list of ${value.length}`;
  }
  if (typeof value === "string") return JSON.stringify(value);
  return value !== null && typeof value === "object" ? (value.constructor?.name ?? "object") : String(value);
}

/** Turns whatever a call threw into a TorchError with the operator and its arguments. Package-internal. */
export function torchError(name: string, error: unknown, values: readonly unknown[]): TorchError {
  if (error instanceof TorchError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new TorchError(
    name,
    firstSentence(message),
    values.filter((value) => value !== undefined).map((value) => describe(value)),
  );
}

function prepare(op: Operator, values: readonly Argument[]): void {
  if (op.id < 0 && !op.exists) throw new TorchError(op.qualified, "this libtorch has no such operator");
  let count = values.length;
  while (count > 0 && values[count - 1] === undefined) count--;
  let at = 2;
  for (let i = 0; i < count; i++) at = put(values[i], at);
  wire[0] = op.id;
  wire[1] = count;
}

function unpack(results: unknown[]): unknown {
  return results.length === 1 ? results[0] : results.length === 0 ? undefined : results;
}

/**
 * Calls an operator. Arguments come in the order of its schema; undefined means the schema's default. Returns a
 * tensor, a number or boolean, a list, a tuple as an array, or nothing for in-place and out variants. Throws a
 * TorchError.
 */
// biome-ignore lint/suspicious/noExplicitAny: the result type is the schema's; generated wrappers state it
export function call(op: Operator, ...values: Argument[]): any {
  try {
    prepare(op, values);
    native.call();
  } catch (error) {
    throw torchError(op.qualified, error, values);
  }
  if (wire[0] === 1 && wire[1] === tag.tensor) return new Tensor(wire[2]!);
  // In place: set_data and resize_ change what is known of the tensor.
  if (wire[0] === 0 && values[0] instanceof Tensor) values[0].forgetFacts();
  return unpack(take(wire));
}

/**
 * The same on the package's worker thread, in the order of the calls, with the present grad mode; the event loop
 * stays free. Do not write to the arguments before the promise settles.
 */
// biome-ignore lint/suspicious/noExplicitAny: as above
export async function callAsync(op: Operator, ...values: Argument[]): Promise<any> {
  try {
    prepare(op, values);
    return unpack(take(await native.callAsync()));
  } catch (error) {
    throw torchError(op.qualified, error, values);
  }
}
