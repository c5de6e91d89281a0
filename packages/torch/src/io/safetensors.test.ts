// Round trips, the exact bytes, and every way a header can be wrong.

import { spawnSync } from "node:child_process";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { f, i, temporaryFolder } from "../../test/helpers.ts";
import { bytesOf, fileOf, formatNames } from "../../test/safetensors-bytes.ts";
import * as t from "../index.ts";

const folder = temporaryFolder();
const path = join(folder, "file.safetensors");
const { openSafetensors, SafetensorsError, saveSafetensors } = t;

/** The error of opening (and reading) a file of these bytes. */
function refusal(bytes: Uint8Array, name?: string): t.SafetensorsError {
  writeFileSync(path, bytes);
  try {
    const file = openSafetensors(path);
    if (name !== undefined) file.tensor(name);
  } catch (error) {
    expect(error).toBeInstanceOf(SafetensorsError);
    expect((error as Error).message.startsWith(`${path}: `)).toBe(true);
    return error as t.SafetensorsError;
  }
  return expect.fail("it was accepted");
}

const start = t.liveTensors().count;
describe("round trip", () => {
  const dtypes = Object.keys(formatNames) as t.Dtype[];
  test.each(dtypes)("%s: matrix, scalar, empty, transposed, sliced", (dtype) => {
    t.scope(() => {
      const matrix = f(
        [
          [0, 1, 1],
          [1, 0, 1],
        ],
        dtype,
      );
      const tensors = {
        matrix,
        scalar: f(1, dtype),
        empty: t.zeros([2, 0, 3], { dtype }),
        transposed: t.t(matrix),
        sliced: t.slice(matrix, { dim: 1, start: 0, step: 2 }),
        expanded: t.expand(f([[1]], dtype), [3, 2]),
      };
      saveSafetensors(path, tensors);
      const file = openSafetensors(path);
      expect([...file.names].sort()).toEqual(Object.keys(tensors).sort());
      for (const [name, tensor] of Object.entries(tensors)) {
        const { shape } = tensor;
        expect(file.info(name)).toEqual({ dtype, shape, bytes: bytesOf(tensor).length });
        const loaded = file.tensor(name);
        expect([loaded.dtype, loaded.shape]).toEqual([dtype, shape]);
        expect(bytesOf(loaded)).toEqual(bytesOf(tensor));
      }
      file.close();
    });
    expect(t.liveTensors().count).toBe(start);
  });

  test("special values keep their bits", () => {
    t.scope(() => {
      const bits = Uint16Array.of(0x7fc1, 0xff80, 0x8000, 0x0001);
      saveSafetensors(path, {
        x: t.tensor(bits, [4], { dtype: "bfloat16" }),
        y: i([Number.MIN_SAFE_INTEGER]),
      });
      const file = openSafetensors(path);
      expect(t.toTypedArray(file.tensor("x"))).toEqual(bits);
      expect(t.toNumbers(file.tensor("y"))).toEqual([Number.MIN_SAFE_INTEGER]);
      file.close();
    });
  });

  test("a tensor larger than the pieces it is written in", () => {
    t.scope(() => {
      const large = t.arange(0, 5_000_000, { dtype: "float32" });
      saveSafetensors(path, { large });
      const file = openSafetensors(path);
      expect(t.equal(file.tensor("large"), large)).toBe(true);
      file.close();
    });
  });

  test("strange names, metadata, and parameters that want gradients", () => {
    t.scope(() => {
      const names = [
        "10",
        "9",
        "ä\u{1f600}",
        'quote " and \\ slash',
        "line\nbreak",
        "__proto__",
        "constructor",
      ];
      const tensors = new Map(names.map((name, at) => [name, t.setRequiresGrad(f([at]), true)]));
      const metadata = { format: "pt", ключ: "значение \u0001" };
      saveSafetensors(path, tensors, { metadata });
      const file = openSafetensors(path);
      expect(file.metadata).toEqual(metadata);
      expect(names.map((name) => t.item(file.tensor(name)))).toEqual(names.map((_, at) => at));
      expect(file.tensor("10").requiresGrad).toBe(false);
      file.close();
    });
  });

  test("nothing at all", () => {
    saveSafetensors(path, {});
    expect(openSafetensors(path)).toMatchObject({ names: [], metadata: {} });
  });
});

describe("bytes", () => {
  const tensors = () => ({
    b: f([1, -2]),
    a: f([[1], [2]], "bfloat16"),
    flag: f([true], "bool"),
    c: i([3]),
    "a.half": f([1], "float16"),
  });
  const header =
    '{"__metadata__":{"format":"pt","note":"é"},"c":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},' +
    '"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},"a":{"dtype":"BF16","shape":[2,1],"data_offsets":[16,20]},' +
    '"a.half":{"dtype":"F16","shape":[1],"data_offsets":[20,22]},"flag":{"dtype":"BOOL","shape":[1],"data_offsets":[22,23]}}';
  const data = "0300000000000000" + "0000803f000000c0" + "803f0040" + "003c" + "01";

  test("are those written by hand, aligned and in the reference's order", () => {
    t.scope(() => saveSafetensors(path, tensors(), { metadata: { note: "é", format: "pt" } }));
    const length = Buffer.byteLength(header);
    const padded = header + " ".repeat((8 - (length % 8)) % 8);
    expect(readFileSync(path)).toEqual(fileOf(padded, Buffer.from(data, "hex")));
  });

  test("agree with a few lines of Python", (context) => {
    const script = `
import json, struct, sys
raw = open(sys.argv[1], "rb").read()
n, = struct.unpack("<Q", raw[:8])
header = json.loads(raw[8:8 + n]); data = raw[8 + n:]
get = lambda name, code: struct.unpack("<" + code, data[slice(*header[name]["data_offsets"])])
print(json.dumps([n % 8, header["__metadata__"], get("c", "q"), get("b", "2f"), get("a.half", "e"), get("flag", "?")]))`;
    t.scope(() => saveSafetensors(path, tensors(), { metadata: { format: "pt" } }));
    const { status, stdout } = spawnSync("python3", ["-c", script, path], { encoding: "utf8" });
    if (status !== 0) return context.skip("no python3");
    expect(JSON.parse(stdout)).toEqual([0, { format: "pt" }, [3], [1, -2], [1], [true]]);
  });
});

describe("reading", () => {
  const two = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
  const ones = Buffer.from(Float32Array.of(1, 2).buffer);

  test("a file whose data is not aligned, and booleans of any byte", () => {
    const odd = {
      flag: { dtype: "BOOL", shape: [3], data_offsets: [0, 3] },
      x: { ...two, data_offsets: [3, 11] },
    };
    for (const padding of ["", " ", "  ", "   "]) {
      writeFileSync(path, fileOf(JSON.stringify(odd) + padding, Buffer.concat([Buffer.of(0, 1, 7), ones])));
      const file = openSafetensors(path);
      t.scope(() =>
        expect([file.tensor("x"), file.tensor("flag")].map(t.toNumbers)).toEqual([
          [1, 2],
          [0, 1, 1],
        ]),
      );
      file.close();
    }
  });

  test("a tensor outlives the file object and the file's replacement, and writing to it changes no file", () => {
    writeFileSync(path, fileOf({ x: two }, ones));
    const file = openSafetensors(path);
    using x = file.tensor("x");
    file.close();
    t.scope(() => saveSafetensors(path, { x: f([5, 6]) }));
    t.fill_(t.keep(t.narrow(x, 0, 0, 1)), 9);
    expect(t.toNumbers(x)).toEqual([9, 2]);
    const again = openSafetensors(path);
    t.scope(() => expect(t.toNumbers(again.tensor("x"))).toEqual([5, 6]));
    again.close();
  });

  test("a file that changed between opening and reading is refused", () => {
    writeFileSync(path, fileOf({ x: two }, ones));
    const file = openSafetensors(path);
    writeFileSync(`${path}.new`, fileOf({ x: { ...two, shape: [1, 2] } }, ones));
    renameSync(`${path}.new`, path);
    expect(() => file.tensor("x")).toThrow(/has changed since it was opened/);
    const gone = openSafetensors(path);
    writeFileSync(path, "short");
    expect(() => gone.tensor("x")).toThrow(SafetensorsError);
  });

  test("an unknown name says what there is", () => {
    writeFileSync(path, fileOf({ x: two }, ones));
    expect(() => openSafetensors(path).tensor("y")).toThrow(
      /tensor "y": there is no such tensor; it has 1 tensors, such as "x"/,
    );
  });

  test.each(["U16", "U32", "U64", "F8_E4M3", "F8_E5M2", "C64"])(
    "%s is listed but cannot be read",
    (dtype) => {
      const bytes = { U16: 2, U32: 4, U64: 8, C64: 8 }[dtype] ?? 1;
      const header = { x: { dtype, shape: [1], data_offsets: [0, bytes] } };
      const { message } = refusal(fileOf(header, Buffer.alloc(bytes)), "x");
      expect(message).toContain(`tensor "x": libtorch has no dtype ${dtype}`);
      expect(openSafetensors(path).info("x")).toEqual({ dtype, shape: [1], bytes });
    },
  );

  const wrongHeaders: Record<string, [unknown, RegExp]> = {
    "no JSON": ["{]", /not valid JSON/],
    "empty header": ["", /not valid JSON/],
    "a list": [[], /must be a JSON object/],
    "a byte order mark": [`\ufeff${JSON.stringify({ x: two })}`, /not valid JSON/],
    "a name twice": [`{"x":${JSON.stringify(two)},"\\u0078":${JSON.stringify(two)}}`, /"x" is given twice/],
    "a field twice": [
      '{"x":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}',
      /"shape" is given twice/,
    ],
    "an empty name": [{ "": two }, /must not be empty/],
    "metadata that is no object": [{ __metadata__: "pt", x: two }, /must be an object/],
    "metadata of numbers": [{ __metadata__: { a: 1 }, x: two }, /must hold strings, got 1 for "a"/],
    "no object": [{ x: 3 }, /tensor "x": it must be described/],
    "unknown dtype": [{ x: { ...two, dtype: "F31" } }, /the dtype "F31" is not one of/],
    "dtype of the prototype": [{ x: { ...two, dtype: "constructor" } }, /the dtype "constructor"/],
    "no dtype": [{ x: { ...two, dtype: undefined } }, /the dtype undefined/],
    "no shape": [{ x: { ...two, shape: undefined } }, /the shape must list integers/],
    "a negative size": [{ x: { ...two, shape: [-2] } }, /the shape must list integers from 0, got \[-2\]/],
    "a fractional size": [{ x: { ...two, shape: [2.5] } }, /the shape must list/],
    "a huge size": [{ x: { ...two, shape: [1e300] } }, /the shape must list/],
    "sizes that overflow": [{ x: { ...two, shape: [2 ** 32, 2 ** 32] } }, /more bytes than any file has/],
    "sizes that overflow beside 0": [{ x: { ...two, shape: [0, 2 ** 50, 2 ** 50] } }, /more bytes/],
    "too many dimensions": [{ x: { ...two, shape: new Array(65).fill(1) } }, /65 dimensions/],
    "a shape that does not fit": [
      { x: { ...two, shape: [3] } },
      /needs 12 bytes, but data_offsets \[0,8\] give 8/,
    ],
    "offsets backwards": [{ x: { ...two, data_offsets: [8, 0] } }, /two ascending integers/],
    "one offset": [{ x: { ...two, data_offsets: [8] } }, /two ascending integers/],
    "offsets as text": [{ x: { ...two, data_offsets: ["0", "8"] } }, /two ascending integers/],
    "data behind the end": [{ x: { ...two, shape: [4], data_offsets: [0, 16] } }, /truncated/],
    "a hole before": [
      { x: { ...two, shape: [1], data_offsets: [4, 8] } },
      /bytes 0 to 4 before it belong to no tensor/,
    ],
    "a tail": [
      { x: { ...two, shape: [1], data_offsets: [0, 4] } },
      /bytes 4 to 8 of the data belong to no tensor/,
    ],
    "an overlap": [{ x: two, y: { ...two, shape: [1], data_offsets: [4, 8] } }, /overlaps that of "x"/],
  };
  test.each(Object.entries(wrongHeaders))("%s", (_, [header, pattern]) => {
    expect(refusal(fileOf(header, ones)).message).toMatch(pattern);
  });

  test("wrong lengths, invalid UTF-8, and what is no file", () => {
    expect(refusal(new Uint8Array(0)).message).toContain("has 0 bytes");
    expect(refusal(Buffer.alloc(7)).message).toContain("has 7 bytes");
    expect(refusal(Buffer.from("ffffffffffffffff7b7d", "hex")).message).toContain(
      "claims 18446744073709551615 bytes",
    );
    expect(refusal(Buffer.from("00e1f505000000007b7d", "hex")).message).toContain("truncated");
    expect(refusal(Buffer.from("0300000000000000" + "22ff22", "hex")).message).toContain("not valid JSON");
    expect(() => openSafetensors(folder)).toThrow(/no regular file/);
    expect(() => openSafetensors(join(folder, "missing"))).toThrow(
      /missing: could not be read: ENOENT.*check the path/,
    );
    expect(() => openSafetensors("\0")).toThrow(SafetensorsError);
  });
});
