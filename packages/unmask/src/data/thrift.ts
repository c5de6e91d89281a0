// Thrift's compact protocol, as Parquet uses it, read strictly: no number longer than its type, no list longer than the
// bytes that are left, nothing nested without end. The library that reads Parquet trusts all of these.

export type ThriftValue = number | bigint | boolean | Uint8Array | ThriftStruct | readonly ThriftValue[];
export type ThriftStruct = ReadonlyMap<number, ThriftValue>;

const deepest = 24;

/** What damaged bytes give; the caller says of which file. */
export class Damaged extends Error {}

export class ThriftReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  offset: number;

  constructor(bytes: Uint8Array, offset = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = offset;
  }

  struct(depth = 0): ThriftStruct {
    if (depth > deepest) throw new Damaged("nested too deep");
    const fields = new Map<number, ThriftValue>();
    let field = 0;
    for (;;) {
      const byte = this.#byte();
      const type = byte & 15;
      if (type === 0) return fields;
      field = byte >> 4 === 0 ? Number(zigzag(this.varint(5))) : field + (byte >> 4);
      fields.set(field, this.#value(type, depth));
    }
  }

  /** Unsigned, of so many bytes at most. */
  varint(most: number): bigint {
    let value = 0n;
    for (let index = 0; index < most; index++) {
      const byte = this.#byte();
      value |= BigInt(byte & 127) << BigInt(7 * index);
      if (byte < 128) return value;
    }
    throw new Damaged("a number is too long");
  }

  #byte(): number {
    if (this.offset >= this.#bytes.length) throw new Damaged("it ends too early");
    return this.#bytes[this.offset++]!;
  }

  #skip(count: number): number {
    const start = this.offset;
    if (count > this.#bytes.length - start) throw new Damaged("it ends too early");
    this.offset += count;
    return start;
  }

  #value(type: number, depth: number): ThriftValue {
    switch (type) {
      case 1:
      case 2:
        return type === 1;
      case 3:
        return this.#byte();
      case 4:
      case 5:
        return Number(zigzag(this.varint(5)));
      case 6:
        return zigzag(this.varint(10));
      case 7:
        return this.#view.getFloat64(this.#skip(8), true);
      case 8: {
        const length = Number(this.varint(5));
        const start = this.#skip(length);
        return this.#bytes.subarray(start, start + length);
      }
      case 9:
        return this.#list(depth);
      case 12:
        return this.struct(depth + 1);
      default:
        throw new Damaged(`a value of the unknown type ${type}`);
    }
  }

  #list(depth: number): ThriftValue[] {
    const head = this.#byte();
    const size = head >> 4 === 15 ? Number(this.varint(5)) : head >> 4;
    if (size > this.#bytes.length - this.offset) throw new Damaged("a list is longer than the file");
    const type = head & 15;
    return Array.from({ length: size }, () =>
      type === 1 || type === 2 ? this.#byte() === 1 : this.#value(type, depth + 1),
    );
  }
}

const zigzag = (value: bigint): bigint => (value >> 1n) ^ -(value & 1n);
