// HTML without danger: whatever a model, a file or a user wrote is text here, and stays text. Tags are written in our
// own code only, through a template that escapes everything put into it.

import { createHash } from "node:crypto";

/** Markup that is safe as it stands. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

type Content = Html | string | number | undefined | readonly Content[];

/** Our own markup with texts in it: every text is escaped, every other value must be Html. */
export function html(strings: TemplateStringsArray, ...contents: readonly Content[]): Html {
  const parts = strings.map((text, i) => (i === 0 ? text : markupOf(contents[i - 1]) + text));
  return new Html(parts.join(""));
}

function markupOf(content: Content): string {
  if (content === undefined) return "";
  if (content instanceof Html) return content.markup;
  if (typeof content === "string" || typeof content === "number") return escapeText(String(content));
  return content.map(markupOf).join("");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export const escapeText = (text: string): string =>
  visible(text).replace(/[&<>"']/g, (character) => entities[character]!);

/** Control characters become signs for them, and characters that reorder or hide text become U+FFFD. */
export function visible(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(/\p{Cc}/gu, (character) => {
      const code = character.codePointAt(0)!;
      if (character === "\n" || character === "\t") return character;
      return code < 0x20 ? String.fromCodePoint(0x2400 + code) : "\uFFFD";
    })
    .replace(/[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu, "\uFFFD");
}

/** Data for a script, in an element that is no script. */
export function jsonData(id: string, value: unknown): Html {
  const text = JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`;
  });
  return new Html(`<script type="application/json" id="${id}">${text}</script>`);
}

export interface Page {
  readonly title: string;
  readonly style: string;
  readonly script: string;
  readonly body: Html;
}

/** A whole file. Its policy lets run the one script that is ours, by its hash, and lets nothing be fetched. */
export function page({ title, style, script, body }: Page): string {
  const hash = createHash("sha256").update(script).digest("base64");
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeText(title)}</title>
<style>${style}</style>
</head>
<body>
${body.markup}
<script>${script}</script>
</body>
</html>
`;
}
