// Takes off an answer what is typesetting and no mathematics: dollar signs, \left and \right, thin spaces, styles.

const characters: readonly (readonly [RegExp, string])[] = [
  [/[−–—﹣－]/g, "-"],
  [/[×✕]/g, "\\times "],
  [/[·⋅∙]/g, "\\cdot "],
  [/÷/g, "\\div "],
  [/π/g, "\\pi "],
  [/θ/g, "\\theta "],
  [/α/g, "\\alpha "],
  [/β/g, "\\beta "],
  [/∞/g, "\\infty "],
  [/≤|⩽/g, "\\le "],
  [/≥|⩾/g, "\\ge "],
  [/≠/g, "\\ne "],
  [/≈/g, "\\approx "],
  [/∪/g, "\\cup "],
  [/∩/g, "\\cap "],
  [/∈/g, "\\in "],
  [/±/g, "\\pm "],
  [/°|º/g, "^\\circ "],
  [/²/g, "^{2}"],
  [/³/g, "^{3}"],
  [/∅/g, "\\emptyset "],
  [/ℝ/g, "\\mathbb{R}"],
  [/½/g, "\\frac{1}{2}"],
  [/¼/g, "\\frac{1}{4}"],
  [/¾/g, "\\frac{3}{4}"],
  [/√\s*\(/g, "\\sqrt("],
  [/√\s*(\d+|[a-z])/g, "\\sqrt{$1}"],
  [/[\u00a0\u2009\u202f\u200a\u3000]/g, " "],
  [/[€£¥]/g, ""],
  [/[“”"]/g, ""],
];

const typesetting: readonly (readonly [RegExp, string])[] = [
  // Words that hold a place in a sentence of a data set.
  [/<\|[^|]*\|>/g, ""],
  [/\\\$/g, ""],
  [/\$/g, ""],
  [/\\(?:left|right)\s*\./g, ""],
  [/\\(?:left|right|big|Big|bigg|Bigg|bigl|bigr|Bigl|Bigr|biggl|biggr|Biggl|Biggr|middle)(?![a-zA-Z])/g, ""],
  [
    /\\(?:displaystyle|textstyle|scriptstyle|limits|nolimits|allowbreak|strut|hfill|bf|rm|it)(?![a-zA-Z])/g,
    "",
  ],
  [/\\(?:quad|qquad|enspace|thinspace|hspace\{[^}]*\})/g, " "],
  [/(?<!\\)\\[()]/g, " "],
  [/(?<!\\)\\[[\]](?!\s*[-\d.]+\s*(?:pt|em|ex))/g, " "],
  // Commas of thousands that say so: {,} and ,\! and \,
  [/\{\s*,\s*\}/g, "\u2063"],
  [/(\d),\s*\\!\s*(?=\d{3})/g, "$1\u2063"],
  [/(\d)\s*\\[,;: ]\s*(?=\d{3}(?!\d))/g, "$1\u2063"],
  [/(?<!\\)\\!/g, ""],
  [/(?<!\\)\\[,;:> ]/g, " "],
  [/~/g, " "],
  [/\\\s*$/g, ""],
  [/\*\*/g, "^"],
];

/** One backslash where a whole answer was written with two. */
function singleBackslashes(text: string): string {
  if (/\\\\begin/.test(text)) return text.replaceAll("\\\\", "\\");
  if (/\\begin/.test(text)) return text;
  return text.replace(/\\\\(?=[a-zA-Z{}!,;%$])/g, "\\");
}

/** What stands behind the last arrow of a derivation. */
const conclusion = (text: string): string =>
  text.split(/\\(?:Rightarrow|implies|Longrightarrow|iff)\b/).at(-1)!;

export function clean(answer: string): string {
  let text = answer.trim().replace(/\s+/g, " ");
  // Bold of Markdown around the whole answer; elsewhere ** is a power.
  text = text.replace(/^\*\*(.*)\*\*\.?$/s, "$1");
  text = singleBackslashes(text);
  for (const [found, instead] of [...characters, ...typesetting]) text = text.replace(found, instead);
  return trimmed(conclusion(text));
}

function trimmed(text: string): string {
  const marks = text
    .replace(/^[\s,;:]+/, "")
    .replace(/(?:[\s,;:]|\.(?!\.)|\\\\)+$/, (end, at: number) => (text[at - 1] === "." ? end.trimEnd() : ""));
  return /\.\.\.?$/.test(text.trim()) ? text.trim() : marks.trim();
}

/** The same answer in the form in which letters may be compared: no spaces, no frames of text, one kind of fraction. */
export function plain(answer: string): string {
  return clean(answer)
    .replace(
      /\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|boxed|fbox|textnormal|operatorname)\s*\{([^{}]*)\}/g,
      "$1",
    )
    .replace(/\\[dtc]frac/g, "\\frac")
    .replace(/[\s\u2063]+/g, "");
}
