// The generated file is what the allow-list gives, and the allow-list is what the dispatcher in use knows.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { operator } from "../src/index.ts";

interface Codegen {
  emit(text: string): string;
}

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
const opsText = read("../codegen/ops.txt");
const rows = opsText
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => line.split(" | "));

/** Symbolic integers are integers here, and libtorch 2 spells some defaults of the same value differently. */
const normal = (schema: string): string =>
  schema
    .replace(/SymInt/g, "int")
    .replace(/\s+/g, " ")
    .replace(/(\d)\.0\b/g, "$1.")
    .replace(/=1\.0*0*e-0*5|=1\.0000000000000001e-05/g, "=1e-05")
    .replace(/=(["'])(\w*)\1/g, '="$2"');

interface Argument {
  type: string;
  name: string;
  value: string | undefined;
}

const argumentsOf = (schema: string): Argument[] =>
  schema
    .slice(schema.indexOf("(") + 1, schema.lastIndexOf(") ->"))
    .split(/, (?![^[(]*[\])])/)
    .filter((part) => part !== "*" && part !== "")
    .map((part) => {
      const [, type = "", name = "", value] = /^(.*?) (\w+)(?:=(.*))?$/.exec(part) ?? [];
      return { type, name, value };
    });

test("regenerating changes nothing", async () => {
  const { emit } = (await import(new URL("../codegen/emit.mjs", import.meta.url).href)) as Codegen;
  expect(emit(opsText) === read("../src/generated/ops.ts"), "run npm run codegen").toBe(true);
});

test.each(rows)("%s: %s", (_, full) => {
  const since = /^since [\d.]+: /.exec(full!)?.[0] ?? "";
  const wanted = normal(full!.slice(since.length));
  const op = operator(wanted.slice(0, wanted.indexOf("(")));
  if (since !== "" && !op.exists) return;
  const actual = normal(op.schema);
  if (actual === wanted) return;
  // Newer libtorch may have given an argument a default, widened an integer to a scalar, or added arguments with
  // defaults; those of the allow-list must be there in the same order.
  const known = argumentsOf(wanted);
  const names = known.map(({ name }) => name);
  const [old, added] = [true, false].map((isOld) =>
    argumentsOf(actual).filter(({ name }) => names.includes(name) === isOld),
  );
  expect(old!.map(({ name }) => name)).toEqual(names);
  old!.forEach(({ type, value }, at) => {
    const { type: wantedType, value: wantedValue } = known[at]!;
    expect([wantedType, wantedType.replace("int", "Scalar")]).toContain(type);
    if (wantedValue !== undefined) expect(value).toBe(wantedValue);
  });
  for (const { value } of added!) expect(value).toBeDefined();
});
