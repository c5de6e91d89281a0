// Finds added tokens in a text: leftmost first, of several at one place the longest. Flags as in Hugging Face's
// tokenizers: `single_word` needs no word character on either side; `lstrip` and `rstrip` swallow the white space
// beside the token. A match that is refused leaves its place to a shorter one, else to one that starts later.
import type { AddedToken } from "./tokenizer-json.ts";

/** Whether a token found at [start, end) of the text counts. */
export type Accept = (token: AddedToken, start: number, end: number) => boolean;

const wordBefore = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]$/u;
const wordAfter = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]/u;
const spaceBefore = /\p{White_Space}+$/u;
const spaceAfter = /^\p{White_Space}+/u;

export class AddedTokenScanner {
  private readonly longestFirst: readonly AddedToken[];
  private readonly pattern: RegExp;

  constructor(tokens: readonly AddedToken[]) {
    this.longestFirst = tokens.toSorted((a, b) => b.content.length - a.content.length);
    const texts = this.longestFirst.map(({ content }) => content.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    this.pattern = new RegExp(texts.join("|"), "g");
  }

  /** Texts and ids in turn; empty texts are left out. */
  scan(text: string, accept?: Accept): (string | number)[] {
    const parts: (string | number)[] = [];
    if (this.longestFirst.length === 0) return text === "" ? parts : [text];
    let from = 0;
    this.pattern.lastIndex = 0;
    for (let match = this.pattern.exec(text); match !== null; match = this.pattern.exec(text)) {
      const start = match.index;
      const token = this.tokenAt(text, start, accept);
      if (token === undefined) {
        this.pattern.lastIndex = start + 1;
        continue;
      }
      const before = text.slice(from, start);
      const kept = token.lstrip === true ? before.replace(spaceBefore, "") : before;
      if (kept !== "") parts.push(kept);
      parts.push(token.id);
      from = start + token.content.length;
      if (token.rstrip === true) from += spaceAfter.exec(text.slice(from))?.[0].length ?? 0;
      this.pattern.lastIndex = from;
    }
    if (from < text.length) parts.push(text.slice(from));
    return parts;
  }

  private tokenAt(text: string, start: number, accept: Accept | undefined): AddedToken | undefined {
    return this.longestFirst.find((token) => {
      if (!text.startsWith(token.content, start)) return false;
      const end = start + token.content.length;
      if (token.single_word === true) {
        const before = text.slice(Math.max(0, start - 2), start);
        if (wordBefore.test(before) || wordAfter.test(text.slice(end, end + 2))) return false;
      }
      return accept === undefined || accept(token, start, end);
    });
  }
}
