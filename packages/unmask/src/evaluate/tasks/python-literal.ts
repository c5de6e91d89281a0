// Python's literals: what `ast.literal_eval` reads and what `repr` writes. Templates of lm-evaluation-harness give lists
// that way: "['no', 'yes']". JSON's true, false and null are read too.

/** Throws an Error with a reason for what is no literal. */
export function literalEval(text: string): unknown {
  const reader = new Reader(text.trim());
  const value = reader.value();
  reader.end();
  return value;
}

/** `repr` of a value of JSON: texts in single quotes unless they hold some and no double ones. */
export function pythonRepr(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return quoted(value);
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(", ")}]`;
  if (typeof value !== "object") return String(value);
  const parts = Object.entries(value).map(([key, one]) => `${quoted(key)}: ${pythonRepr(one)}`);
  return `{${parts.join(", ")}}`;
}

/** `str` of it: texts as they are. */
export const pythonString = (value: unknown): string =>
  typeof value === "string" ? value : pythonRepr(value);

const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inner = text.replace(/[\n\r\t\\]|[\p{Cc}]/gu, (character) => {
    const code = character.codePointAt(0)!.toString(16).padStart(2, "0");
    return escapes[character] ?? `\\x${code}`;
  });
  return `${quote}${quote === "'" ? inner.replaceAll("'", "\\'") : inner}${quote}`;
}

const names: Readonly<Record<string, unknown>> = {
  ...{ True: true, False: false, None: null, true: true, false: false, null: null },
};
const characters: Readonly<Record<string, string>> = {
  ...{ n: "\n", r: "\r", t: "\t", a: "\x07", b: "\b", f: "\f", v: "\v", "\n": "" },
};
const deepest = 100;

class Reader {
  private at = 0;
  private depth = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  value(): unknown {
    if (++this.depth > deepest) throw new Error(`nested more than ${deepest} deep`);
    this.take(/\s*/y);
    const found = this.text[this.at];
    const value =
      found === "[" || found === "("
        ? this.list(found === "[" ? "]" : ")")
        : found === "{"
          ? this.record()
          : this.scalar();
    this.depth--;
    this.take(/\s*/y);
    return value;
  }

  end(): void {
    if (this.at < this.text.length) this.fail();
  }

  private fail(): never {
    throw new Error(`no Python literal at ${JSON.stringify(this.text.slice(this.at, this.at + 20))}`);
  }

  private take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  private list(close: string): unknown[] {
    const items: unknown[] = [];
    this.at++;
    this.take(/\s*/y);
    while (this.text[this.at] !== close) {
      items.push(this.value());
      if (this.take(/,\s*/y) === undefined && this.text[this.at] !== close) this.fail();
    }
    this.at++;
    return items;
  }

  private record(): Record<string, unknown> {
    const items: [string, unknown][] = [];
    this.at++;
    this.take(/\s*/y);
    while (this.text[this.at] !== "}") {
      const key = pythonString(this.value());
      if (this.take(/:/y) === undefined) this.fail();
      items.push([key, this.value()]);
      if (this.take(/,\s*/y) === undefined && this.text[this.at] !== "}") this.fail();
    }
    this.at++;
    return Object.fromEntries(items);
  }

  private scalar(): unknown {
    const number = this.take(/[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])/y);
    if (number !== undefined) return Number(number.replaceAll("_", ""));
    const name = this.take(/(?:True|False|None|true|false|null)\b/y);
    if (name !== undefined) return names[name];
    // Texts that stand side by side are one.
    let text: string | undefined;
    for (let part = this.string(); part !== undefined; part = this.string()) {
      text = (text ?? "") + part;
      this.take(/\s*/y);
    }
    return text ?? this.fail();
  }

  private string(): string | undefined {
    const quote = this.take(/'''|"""|'|"/y);
    if (quote === undefined) return undefined;
    let text = "";
    while (!this.text.startsWith(quote, this.at)) {
      if (this.at >= this.text.length) this.fail();
      text += this.text[this.at] === "\\" ? this.escape() : this.text[this.at++];
    }
    this.at += quote.length;
    return text;
  }

  private escape(): string {
    const code = this.take(/\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8})/y);
    if (code !== undefined) return String.fromCodePoint(Number.parseInt(code.slice(2), 16));
    const character = this.text[this.at + 1] ?? this.fail();
    this.at += 2;
    if (Object.hasOwn(characters, character)) return characters[character]!;
    return /[\\'"]/.test(character) ? character : `\\${character}`;
  }
}
