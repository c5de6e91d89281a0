// Python's regular expressions as JavaScript's. Filters and metrics of lm-evaluation-harness are written for Python's
// `re` on text: \d, \w, \s and \b mean Unicode there, `$` also matches before a last line feed, `.` stops at line feeds
// only, names are (?P<name>…), flags stand at the front. All of that is rewritten for JavaScript's `u` mode; what has no
// counterpart (atomic groups, possessive repeats, conditions, flags of a part) is refused with its name.
//
// One difference stays: between an empty match and the next, Python looks for a match that is not empty at the same
// place; JavaScript moves on.

import { ConfigError } from "../../base/errors.ts";

const space = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const word = "\\p{L}\\p{N}_";
const unicodeSets: Readonly<Record<string, string>> = { d: "\\p{Nd}", w: word, s: space };
const asciiSets: Readonly<Record<string, string>> = { d: "0-9", w: "A-Za-z0-9_", s: "\\t-\\r " };
const controls: Readonly<Record<string, string>> = { a: "\x07", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** Compiled with the flags `g` and `u`. `where` names the pattern's place in messages. */
export function pythonRegex(pattern: string, where = "the regular expression"): RegExp {
  const translated = new Translator(pattern, where).translate();
  try {
    return new RegExp(translated.source, translated.flags);
  } catch (cause) {
    throw refused(pattern, where, (cause as Error).message, cause);
  }
}

/** Python's re.findall: whole matches, or the group, or a list of groups; a group without part is empty. */
export function findAll(regex: RegExp, text: string): (string | string[])[] {
  return [...text.matchAll(regex)].map(([whole, ...groups]) => {
    const texts = groups.map((group: string | undefined) => group ?? "");
    return texts.length === 0 ? whole : texts.length === 1 ? texts[0]! : texts;
  });
}

/** Python's replacement texts (\1, \g<name>, \g<1>, \n) for String.prototype.replace. */
export function pythonReplacement(text: string): string {
  return text
    .replaceAll("$", "$$$$")
    .replace(/\\(?:g<(\d+)>|g<(\w+)>|(\d{1,2})|(.))/gs, (whole, number, name, digit, other) => {
      const group = number ?? digit;
      if (group !== undefined) return group === "0" ? "$&" : `$${group}`;
      if (name !== undefined) return `$<${name}>`;
      return other === "\\" ? "\\" : (controls[other as string] ?? whole);
    });
}

function refused(pattern: string, where: string, reason: string, cause?: unknown): ConfigError {
  return new ConfigError(
    `${where}: the Python regular expression ${JSON.stringify(pattern)} cannot be run here (${reason}); write it another way`,
    { pattern },
    { cause },
  );
}

class Translator {
  private readonly characters: readonly string[];
  private at = 0;
  private multiline = false;
  private dotAll = false;
  private ignoreCase = false;
  private verbose = false;
  /** What ends the groups that are open. */
  private readonly closers: string[] = [];
  private sets = unicodeSets;
  private readonly pattern: string;
  private readonly where: string;

  constructor(pattern: string, where: string) {
    this.pattern = pattern;
    this.where = where;
    this.characters = Array.from(pattern);
  }

  translate(): { source: string; flags: string } {
    this.readFlags();
    let source = "";
    while (this.at < this.characters.length) source += this.next();
    return { source, flags: `gu${this.ignoreCase ? "i" : ""}` };
  }

  private refuse(reason: string): never {
    throw refused(this.pattern, this.where, reason);
  }

  private rest(): string {
    return this.characters.slice(this.at).join("");
  }

  /** Takes what the expression (anchored with ^) matches here. */
  private take(expression: RegExp): RegExpExecArray | undefined {
    const found = expression.exec(this.rest());
    if (found === null) return undefined;
    this.at += Array.from(found[0]).length;
    return found;
  }

  private readFlags(): void {
    for (let found = this.take(/^\(\?([aiLmsux]+)\)/); found; found = this.take(/^\(\?([aiLmsux]+)\)/)) {
      for (const flag of found[1]!) this.setFlag(flag);
    }
  }

  private setFlag(flag: string): void {
    if (flag === "i") this.ignoreCase = true;
    else if (flag === "m") this.multiline = true;
    else if (flag === "s") this.dotAll = true;
    else if (flag === "x") this.verbose = true;
    else if (flag === "a") this.sets = asciiSets;
    else if (flag === "L") this.refuse("the flag L is for bytes");
  }

  private next(): string {
    if (this.verbose && this.take(/^(?:\s|#[^\n]*)+/) !== undefined) return "";
    const character = this.characters[this.at]!;
    if (character === "(") return this.group();
    if (character === "[") return this.set();
    if (character === "\\") return this.escape();
    if ("*+?{".includes(character)) return this.repeat();
    this.at++;
    if (character === ".") return this.dotAll ? "[^]" : "[^\\n]";
    if (character === "^") return this.multiline ? "(?<![^\\n])" : "(?<![^])";
    if (character === "$") return this.multiline ? "(?![^\\n])" : "(?=\\n?(?![^]))";
    if (character === ")") return this.closers.pop() ?? ")";
    return character === "|" ? character : literal(character);
  }

  private open(opening: string, closing = ")"): string {
    this.closers.push(closing);
    return opening;
  }

  private group(): string {
    if (this.take(/^\(\?#[^)]*\)/) !== undefined) return "";
    const named = this.take(/^\(\?P<([A-Za-z_]\w*)>/);
    if (named !== undefined) return this.open(`(?<${named[1]}>`);
    const back = this.take(/^\(\?P=([A-Za-z_]\w*)\)/);
    if (back !== undefined) return `\\k<${back[1]}>`;
    const look = this.take(/^\(\?(?:=|!|<=|<!)/);
    // Python lets them be repeated; in a group of its own JavaScript does too.
    if (look !== undefined) return this.open(`(?:${look[0]}`, "))");
    const plain = this.take(/^\((?:\?:)?(?!\?)/);
    if (plain !== undefined) return this.open(plain[0]);
    if (/^\(\?>/.test(this.rest())) this.refuse("atomic groups");
    if (/^\(\?\(/.test(this.rest())) this.refuse("groups on a condition");
    if (/^\(\?[aiLmsux-]+:/.test(this.rest())) this.refuse("flags of a part");
    return this.refuse(`the group ${this.rest().slice(0, 4)}`);
  }

  private repeat(): string {
    const found = this.take(/^(?:[*+?]|\{(\d*)(,?)(\d*)\})(\??)/);
    // A brace that is no repeat is itself.
    if (found === undefined || found[0] === "{}" || found[0] === "{}?") {
      if (found !== undefined) this.at -= found[0].length;
      this.at++;
      return literal("{");
    }
    if (this.characters[this.at] === "+") this.refuse("possessive repeats");
    const [whole, from = "", comma = "", to = "", lazy = ""] = found;
    return whole.startsWith("{") ? `{${from === "" ? 0 : from}${comma}${to}}${lazy}` : whole;
  }

  private escape(): string {
    const boundary = this.take(/^\\[bB]/);
    if (boundary !== undefined) return this.boundary(boundary[0] === "\\b");
    if (this.take(/^\\A/) !== undefined) return "(?<![^])";
    if (this.take(/^\\Z/) !== undefined) return "(?![^])";
    const back = this.take(/^\\[1-9]\d?/);
    // A group stands around it, so that a digit behind it stays a digit.
    if (back !== undefined) return `(?:${back[0]})`;
    const set = this.take(/^\\([dws])/);
    if (set !== undefined) return `[${this.sets[set[1]!]}]`;
    const other = this.take(/^\\([DWS])/);
    if (other !== undefined) return `[^${this.sets[other[1]!.toLowerCase()]}]`;
    return literal(this.escaped());
  }

  private boundary(isBoundary: boolean): string {
    const set = `[${this.sets.w}]`;
    return isBoundary
      ? `(?:(?<=${set})(?!${set})|(?<!${set})(?=${set}))`
      : `(?:(?<=${set})(?=${set})|(?<!${set})(?!${set}))`;
  }

  /** The character that an escape stands for. */
  private escaped(): string {
    const code =
      this.take(/^\\x([0-9a-fA-F]{2})/) ??
      this.take(/^\\u([0-9a-fA-F]{4})/) ??
      this.take(/^\\U([0-9a-fA-F]{8})/);
    if (code !== undefined) return String.fromCodePoint(Number.parseInt(code[1]!, 16));
    const octal = this.take(/^\\(0[0-7]{0,2})/);
    if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal[1]!, 8));
    const one = this.take(/^\\([\s\S])/u)?.[1];
    if (one === undefined) return this.refuse("it ends with a backslash");
    if (Object.hasOwn(controls, one)) return controls[one]!;
    return /[A-Za-z0-9]/.test(one) ? this.refuse(`the escape \\${one}`) : one;
  }

  private set(): string {
    const [opening] = this.take(/^\[\^?/)!;
    let parts = "";
    for (let first = true; first || this.characters[this.at] !== "]"; first = false) {
      if (this.at >= this.characters.length) this.refuse("a set is not closed");
      parts += this.setPart();
    }
    this.at++;
    return `${opening}${parts}]`;
  }

  private setPart(): string {
    const set = this.take(/^\\([dws])/);
    if (set !== undefined) return this.sets[set[1]!]!;
    const other = this.take(/^\\([DWS])/);
    if (other !== undefined) return this.complement(other[1]!);
    const low = this.setCharacter();
    if (!/^-[^\]]/.test(this.rest())) return literal(low);
    this.at++;
    if (/^\\[dwsDWS]/.test(this.rest())) return `${literal(low)}${literal("-")}`;
    return `${literal(low)}-${literal(this.setCharacter())}`;
  }

  private complement(letter: string): string {
    const known: Readonly<Record<string, string>> = { D: "\\P{Nd}", S: "\\S" };
    return known[letter] ?? this.refuse("\\W within a set");
  }

  private setCharacter(): string {
    if (this.take(/^\\b/) !== undefined) return "\b";
    if (this.characters[this.at] === "\\") return this.escaped();
    return this.characters[this.at++]!;
  }
}

/** Valid in `u` mode in and outside of sets. */
function literal(character: string): string {
  if (/[A-Za-z0-9]/.test(character)) return character;
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}
