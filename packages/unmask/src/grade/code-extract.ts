// The code in a model's answer. Answers come in four shapes: bare code; text with fenced blocks; code whose opening
// fence stood in the prompt, so that only the closing one is there; and bare code up to a stop mark.

export type Extraction =
  /** By the shape of the answer; agrees with lm-evaluation-harness wherever the answer has the shape its task asks for. */
  | "auto"
  /** Everything, as it is (HumanEval's own rule). */
  | "verbatim"
  /** Inside the last fenced Python block; nothing where there is none or it is not closed (T3D's rule). */
  | "last-fence"
  /** As "auto", then only the longest part that is Python and what the entry point needs of it (d3LLM's rule for LLaDA). */
  | "reachable";

/** Open: a line with three backticks or more. */
const fence = /^[ \t]*(`{3,}|~{3,})[ \t]*([\w+-]*)[^\n`]*$/gm;
const python = new Set(["python", "py", "python3", "python2", "py3"]);
/** How code begins that stands before a lone closing fence. */
const looksLikeCode = /^(?:[ \t]|def |class |import |from \w|@\w|return |for |while |if |#)/;

interface Block {
  readonly language: string;
  readonly text: string;
  readonly closed: boolean;
}

export function extractCode(answer: string, extraction: Extraction = "auto"): string {
  const text = answer.replaceAll("\r\n", "\n");
  if (extraction === "verbatim") return text;
  if (extraction === "last-fence") {
    const last = blocks(text).findLast(({ language }) => python.has(language));
    return last?.closed ? last.text : "";
  }
  return byShape(text);
}

function byShape(text: string): string {
  const first = text.search(new RegExp(fence.source, "m"));
  if (first === -1) return cutInline(text);
  const before = text.slice(0, first);
  const opensHere = /^[ \t]*(?:`{3,}|~{3,})[ \t]*[\w+-]/.test(text.slice(first));
  // The opening fence was part of the prompt.
  if (!opensHere && looksLikeCode.test(before.replace(/^(?:[ \t]*\n)+/, ""))) return before;
  const found = blocks(text);
  const block = found.find(({ language }) => python.has(language)) ?? found[0];
  return block?.text ?? before;
}

/** `return x```` : a closing fence that does not stand on a line of its own. */
function cutInline(text: string): string {
  const at = text.indexOf("```");
  return at === -1 || text.indexOf("```", at + 3) !== -1 ? text : text.slice(0, at);
}

function blocks(text: string): Block[] {
  const found: Block[] = [];
  let open: { readonly mark: string; readonly language: string; readonly from: number } | undefined;
  for (const match of text.matchAll(fence)) {
    const [line, mark = "", language = ""] = match;
    if (open === undefined) {
      open = { mark, language: language.toLowerCase(), from: match.index + line.length + 1 };
    } else if (mark.startsWith(open.mark) && language === "") {
      found.push({ language: open.language, text: text.slice(open.from, match.index), closed: true });
      open = undefined;
    }
  }
  if (open !== undefined) found.push({ language: open.language, text: text.slice(open.from), closed: false });
  return found;
}
