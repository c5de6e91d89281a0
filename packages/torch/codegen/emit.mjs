// @ts-check
// Turns ops.txt into TypeScript: one line of code an operator. A line of ops.txt is
//   tsName | schema | what it computes
// with "since 2.0: " before a schema that older libtorch lacks. Two lines with one name, whose schemas differ in
// one argument (Tensor or Scalar), become one function that looks at that argument.

import { parseSchema, parseType } from "./schema.mjs";

/** Arguments nobody sets from here: the dispatcher's defaults are right. */
const hidden = new Set(["layout", "pin_memory", "memory_format", "cudnn_enable", "non_blocking"]);

/** @param {string} name */
const camel = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());

/** @param {import("./schema.mjs").Parameter} parameter */
function typeScript(parameter) {
  const { base, list, fixed, optional, listOptional } = parameter.type;
  /** @type {Record<string, string>} */
  const names = {
    Tensor: "Tensor",
    int: "number",
    float: "number",
    bool: "boolean",
    Scalar: "Scalar",
    str: "string",
    ScalarType: "Dtype",
    Device: "Device",
    Generator: "Generator",
  };
  let type = names[base];
  if (type === undefined) throw new Error(`no TypeScript type for ${base} (${parameter.name})`);
  if (listOptional) type = `(${type} | null)`;
  if (list) type = fixed ? `readonly ${type}[] | ${type}` : `readonly ${type}[]`;
  return optional && !parameter.hasDefault && !parameter.type.fixed ? `${type} | null` : type;
}

/** @param {import("./schema.mjs").Parameter} parameter @param {string} expression */
function passed(parameter, expression) {
  if (parameter.type.base === "ScalarType") return `dtypeCode(${expression})`;
  if (parameter.type.base === "Device") return `deviceCode(${expression})`;
  return expression;
}

/** @param {import("./schema.mjs").Schema} schema */
function resultType(schema) {
  const types = schema.results
    .filter((result) => result !== "" && result !== "()")
    .map((result) => {
      const { base, list } = parseType(result);
      const one = base === "Tensor" ? "Tensor" : base === "bool" ? "boolean" : "number";
      return list ? `${one}[]` : one;
    });
  return types.length === 0 ? "void" : types.length === 1 ? types[0] : `[${types.join(", ")}]`;
}

/**
 * @param {string} name
 * @param {{ schema: import("./schema.mjs").Schema, doc: string, since: string | undefined }[]} variants
 */
function emitFunction(name, variants) {
  const first = variants[0];
  if (!first) throw new Error(`no schema for ${name}`);
  const { schema, doc, since } = first;
  const visible = schema.parameters.filter((parameter) => !hidden.has(parameter.name));
  const positional = visible.filter((parameter) => !parameter.hasDefault && !parameter.keywordOnly);
  const options = visible.filter((parameter) => !positional.includes(parameter));
  const different = variants[1]
    ? schema.parameters.findIndex(
        (parameter, i) => parameter.type.base !== variants[1]?.schema.parameters[i]?.type.base,
      )
    : -1;
  const parameters = positional.map((parameter) => {
    const either = schema.parameters[different] === parameter ? " | Scalar" : "";
    return `${camel(parameter.name)}: ${typeScript(parameter)}${either}`;
  });
  const required = options.some((parameter) => !parameter.hasDefault);
  if (options.length > 0) {
    const fields = options.map((parameter) => {
      return parameter.hasDefault
        ? `${camel(parameter.name)}?: ${typeScript(parameter)} | undefined`
        : `${camel(parameter.name)}: ${typeScript(parameter)}`;
    });
    parameters.push(`options: { ${fields.join("; ")} }${required ? "" : " = {}"}`);
  }
  const values = schema.parameters.map((parameter) => {
    if (hidden.has(parameter.name)) return "undefined";
    return passed(
      parameter,
      positional.includes(parameter) ? camel(parameter.name) : `options.${camel(parameter.name)}`,
    );
  });
  while (values.at(-1) === "undefined") values.pop();
  const constants = variants.map((_, i) => (i === 0 ? `${name}Op` : `${name}ScalarOp`));
  const picked =
    variants.length === 1
      ? constants[0]
      : `${camel(schema.parameters[different]?.name ?? "")} instanceof Tensor ? ${constants.join(" : ")}`;
  const inPlace = schema.parameters.find((parameter) => parameter.written);
  const invoke = `call(${[picked, ...values].join(", ")})`;
  const written = inPlace
    ? positional.includes(inPlace)
      ? camel(inPlace.name)
      : `options.${camel(inPlace.name)}`
    : "";
  const result = inPlace ? (inPlace.type.list ? "void" : "Tensor") : resultType(schema);
  const body =
    inPlace && result === "Tensor"
      ? `{ ${invoke}; return ${written}; }`
      : result === "void"
        ? `{ ${invoke}; }`
        : invoke;
  const note = since ? ` Only in libtorch ${since} and newer.` : "";
  return [
    ...variants.map((variant, i) => `const ${constants[i]} = operator("${variant.schema.qualified}");`),
    `/** ${doc[0]?.toUpperCase()}${doc.slice(1)}.${note} \`${schema.text}\` */`,
    `export const ${name} = (${parameters.join(", ")}): ${result} => ${body};`,
  ].join("\n");
}

/** @param {string} text content of ops.txt @returns {string} content of ops.ts */
export function emit(text) {
  /** @type {Map<string, Parameters<typeof emitFunction>[1]>} */
  const functions = new Map();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [name, full, doc] = line.split(" | ");
    if (!name || !full || !doc)
      throw new Error(`ops.txt:${index + 1}: expected "name | schema | description"`);
    const since = /^since ([\d.]+): /.exec(full)?.[1];
    const schema = parseSchema(full.replace(/^since [\d.]+: /, ""));
    functions.set(name, [...(functions.get(name) ?? []), { schema, doc, since }]);
  }
  const body = [...functions].map(([name, variants]) => emitFunction(name, variants));
  const all = [...functions].flatMap(([name, variants]) =>
    variants.map((_, i) => (i === 0 ? `${name}Op` : `${name}ScalarOp`)),
  );
  return `// Generated from codegen/ops.txt by npm run codegen (schemas of libtorch 1.13, symbolic integers written as int).
// Do not edit.

import { type Device, deviceCode } from "../core/device.ts";
import { call, type Generator, type Operator, operator, type Scalar } from "../core/dispatch.ts";
import { type Dtype, dtypeCode } from "../core/dtype.ts";
import { Tensor } from "../core/tensor.ts";

${body.join("\n\n")}

/** Every operator above, for tests and for asking what the libtorch in use has. */
export const operators: readonly Operator[] = [\n  ${all.join(",\n  ")},\n];
`;
}
