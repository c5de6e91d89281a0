// @ts-check
// The code blocks of a Markdown page. On a page that says `<!-- blocks run -->` every block of sh and ts is run, in order;
// one that cannot be says why in front of it: `<!-- not run: needs a GPU -->`. Elsewhere those run that have `<!-- run -->`
// in front of them. Blocks of ts are type-checked on every page.

/**
 * @typedef {object} Block
 * @property {string} page file name
 * @property {number} line of its first line of code
 * @property {string} language
 * @property {string} text
 * @property {boolean} runs
 */

/**
 * @param {string} page
 * @param {string} text
 * @returns {Block[]}
 */
export function blocksOf(page, text) {
  const lines = text.split("\n");
  const allRun = lines.includes("<!-- blocks run -->");
  /** @type {Block[]} */
  const blocks = [];
  let before = ""; // the last line that is not empty
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const [, fence, language] = /^(```+)(\w*)/.exec(line) ?? [];
    if (fence === undefined) {
      if (line.trim() !== "") before = line.trim();
      continue;
    }
    const end = lines.indexOf(fence, at + 1);
    if (end < 0) throw new Error(`${page}:${at + 1}: a block without an end`);
    const known = language === "sh" || language === "ts";
    const runs = known && (allRun ? !/^<!-- not run: .+ -->$/.test(before) : before === "<!-- run -->");
    blocks.push({
      page,
      line: at + 2,
      language: language ?? "",
      text: lines.slice(at + 1, end).join("\n"),
      runs,
    });
    at = end;
    before = "";
  }
  return blocks;
}
