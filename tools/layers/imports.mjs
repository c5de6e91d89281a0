// @ts-check
// The module names that a TypeScript file mentions: import, import type, export … from, import "…", import("…")
// (as an expression and as a type) and require("…"). A small tokenizer keeps comments, strings, templates and
// regular expressions from being taken for code.

/**
 * @typedef {{ kind: "word" | "string" | "mark", text: string, line: number }} Token
 * @typedef {{ name: string | undefined, line: number }} Import `name` is undefined where it is computed
 */

const space = /\s+/y;
const comment = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const string = /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'/y;
const regularExpression = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const word = /[\p{L}\p{N}_$#]+/uy;
const templatePart = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y;

/**
 * @param {string} source
 * @returns {Token[]}
 */
export function tokenize(source) {
  const reader = new Reader(source);
  while (reader.at < source.length) reader.step();
  return reader.tokens;
}

class Reader {
  /** @type {Token[]} */
  tokens = [];
  at = 0;
  line = 1;
  /** Open braces; true for those that end in a template. @type {boolean[]} */
  braces = [];

  /** @param {string} source */
  constructor(source) {
    this.source = source;
  }

  step() {
    const skipped = this.match(space) ?? this.match(comment);
    if (skipped !== undefined) {
      this.line += lines(skipped);
      return;
    }
    const quoted = this.match(string);
    if (quoted !== undefined) return this.push("string", quoted.slice(1, -1), quoted);
    const plain = this.match(word);
    if (plain !== undefined) return this.push("word", plain);
    const regular = mayStartExpression(this.tokens.at(-1)) ? this.match(regularExpression) : undefined;
    if (regular !== undefined) return this.push("mark", "/");
    return this.mark();
  }

  mark() {
    const character = /** @type {string} */ (this.source[this.at++]);
    if (character === "{") this.braces.push(false);
    if (character === "`" || (character === "}" && this.braces.pop())) return this.template();
    return this.push("mark", character);
  }

  /** A template up to its end or to its next ${. */
  template() {
    const text = this.match(templatePart) ?? "";
    if (this.source[this.at] === "`") {
      this.at++;
      return this.push("string", text);
    }
    this.at += 2; // ${
    this.braces.push(true);
    return this.push("mark", "`", text);
  }

  /** @param {RegExp} pattern */
  match(pattern) {
    pattern.lastIndex = this.at;
    const text = pattern.exec(this.source)?.[0];
    if (text !== undefined) this.at += text.length;
    return text;
  }

  /**
   * @param {Token["kind"]} kind
   * @param {string} text
   * @param {string} [raw] as it stands in the source
   */
  push(kind, text, raw = text) {
    this.tokens.push({ kind, text, line: this.line });
    this.line += lines(raw);
  }
}

/** @param {string} text */
function lines(text) {
  return text.split("\n").length - 1;
}

/** @param {Token | undefined} before */
function mayStartExpression(before) {
  if (before === undefined) return true;
  if (before.kind === "word")
    return /^(return|typeof|case|in|of|delete|void|throw|new|else|do|await)$/.test(before.text);
  return before.kind === "mark" && !/[)\]}/]/.test(before.text);
}

/**
 * @param {string} source
 * @returns {Import[]}
 */
export function importsOf(source) {
  const tokens = tokenize(source);
  /** @type {Import[]} */
  const found = [];
  for (const [i, token] of tokens.entries()) {
    if (token.kind !== "word" || tokens[i - 1]?.text === ".") continue;
    const next = tokens[i + 1];
    if (token.text === "import" && next?.kind === "string") found.push({ name: next.text, line: token.line });
    else if (
      (token.text === "import" || token.text === "require") &&
      next?.text === "(" &&
      next.kind === "mark"
    )
      found.push(...called(tokens, i));
    else if (token.text === "import" || token.text === "export") found.push(...fromClause(tokens, i));
  }
  return found;
}

/**
 * import("…") or require("…").
 * @param {Token[]} tokens
 * @param {number} at
 * @returns {Import[]}
 */
function called(tokens, at) {
  const [name, end] = [tokens[at + 2], tokens[at + 3]];
  const line = tokens[at]?.line ?? 0;
  if (name?.kind === "string" && (end?.text === ")" || end?.text === ",")) return [{ name: name.text, line }];
  const declared = tokens[at]?.text === "require" || name?.text === ")"; // a function of that name
  return declared ? [] : [{ name: undefined, line }];
}

/**
 * The rest of `import … from "…"` and `export … from "…"`: words, commas, a star, and one pair of braces.
 * @param {Token[]} tokens
 * @param {number} start
 * @returns {Import[]}
 */
function fromClause(tokens, start) {
  for (let i = start + 1; i < tokens.length; i++) {
    const token = /** @type {Token} */ (tokens[i]);
    if (token.kind === "string") {
      const before = tokens[i - 1];
      if (before?.text === "from" && before.kind === "word") return [{ name: token.text, line: token.line }];
      if (tokens[i + 1]?.text !== "as" && !/^[,}]$/.test(tokens[i + 1]?.text ?? "")) return [];
    } else if (token.kind === "mark" && !/^[{},*]$/.test(token.text)) {
      return [];
    } else if (
      /^(const|let|var|function|class|interface|default|abstract|async|enum|declare)$/.test(token.text)
    ) {
      // `import { default as x } from` has the word inside braces.
      if (i === start + 1) return [];
    }
  }
  return [];
}
