// @ts-check
// Parses operator schemas as libtorch prints them:
//   aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor

/**
 * @typedef {{ base: string, optional: boolean, list: boolean, listOptional: boolean, fixed: boolean }} Type
 *   `base` is Tensor, int, float, bool, Scalar, str, ScalarType, Device, Generator, Layout or MemoryFormat
 * @typedef {{ name: string, type: Type, hasDefault: boolean, keywordOnly: boolean, written: boolean }} Parameter
 * @typedef {{ name: string, qualified: string, parameters: Parameter[], results: string[], text: string }} Schema
 */

/** @param {string} text @returns {Type} */
export function parseType(text) {
  const match = /^([A-Za-z]+)(?:\([a-z]!?(?:\s*->\s*\*)?\))?(\?)?(\[\d*\])?(\?)?$/.exec(text);
  if (!match) throw new Error(`unknown type "${text}"`);
  const [, base = "", inner, list, outer] = match;
  return {
    base: base === "SymInt" ? "int" : base,
    list: list !== undefined,
    fixed: list !== undefined && list !== "[]",
    listOptional: list !== undefined && inner !== undefined,
    optional: list === undefined ? inner !== undefined : outer !== undefined,
  };
}

/** Splits at commas outside brackets. @param {string} text */
function splitTop(text) {
  const parts = [];
  let depth = 0;
  let part = "";
  for (const character of text) {
    if ("([".includes(character)) depth++;
    if (")]".includes(character)) depth--;
    if (character === "," && depth === 0) {
      parts.push(part.trim());
      part = "";
    } else part += character;
  }
  return part.trim() === "" ? parts : [...parts, part.trim()];
}

/** @param {string} text @returns {Schema} */
export function parseSchema(text) {
  const match = /^([\w:.]+)\((.*)\) -> (.*)$/.exec(text);
  if (!match) throw new Error(`unreadable schema "${text}"`);
  const [, qualified = "", inside = "", outside = ""] = match;
  let keywordOnly = false;
  const parameters = [];
  for (const part of splitTop(inside)) {
    if (part === "*") {
      keywordOnly = true;
      continue;
    }
    const [, type = "", name = "", value] = /^(.*?) (\w+)(?:=(.*))?$/.exec(part) ?? [];
    parameters.push({
      name,
      type: parseType(type),
      hasDefault: value !== undefined,
      keywordOnly,
      written: type.includes("!"),
    });
  }
  const results = splitTop(outside.replace(/^\((.*)\)$/, "$1")).map((part) => part.split(" ")[0] ?? part);
  const tuple = /^\(.*,.*\)$/.test(outside);
  return { name: qualified, qualified, parameters, results: tuple ? results : results.slice(0, 1), text };
}
