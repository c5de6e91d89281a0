// The string rules by which T3D's published code compares answers of mathematics, as its environment runs them: its
// symbolic branch never does there (docs/parity.md). For comparison with published scores; `compare.ts` is ours.

import { boxed } from "./extract.ts";

/** The content of the last box. */
export const extractReleased = (response: string): string | undefined => boxed(response).at(-1)?.text;

export function sameAsReleased(gold: string, response: string): boolean {
  const [a, b] = [hendrycks(response), hendrycks(gold)];
  const [x, y] = [asNumber(a), asNumber(b)];
  if (x !== undefined && y !== undefined ? Math.abs(x - y) < 1e-8 : a === b) return true;
  return minerva(response) === minerva(gold);
}

function asNumber(text: string): number | undefined {
  return /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(text) ? Number(text) : undefined;
}

function hendrycks(answer: string): string {
  let text = answer.replaceAll("\n", "").replaceAll("\\!", "").replaceAll("\\\\", "\\");
  text = text.replace(/[td]frac/g, "frac").replace(/\\left|\\right/g, "");
  text = text
    .replace(/\^\{\\circ\}|\^\\circ/g, "")
    .replace(/\\?\$/g, "")
    .replaceAll(",", "");
  text = text.replace(/\\text\{ .*$/s, "").replace(/\\?%/g, "");
  text = text.replaceAll(" .", " 0.").replaceAll("{.", "{0.").replace(/^\./, "0.");
  const side = text.split("=");
  if (side.length === 2 && side[0]!.trim().length <= 2) text = side[1]!;
  text = braced(text.trim()).replaceAll(" ", "");
  if (text === "0.5") return "\\frac{1}{2}";
  return text.replace(/^(-?\d+)\/(-?\d+)$/, "\\frac{$1}{$2}");
}

/** \sqrt3 and \frac12 with braces. */
function braced(text: string): string {
  return text
    .replace(/\\sqrt\s*([^{\s[])/g, "\\sqrt{$1}")
    .replace(/\\frac\s*([^{\s])\s*([^{\s])/g, "\\frac{$1}{$2}")
    .replace(/\\frac\s*([^{\s])\s*\{/g, "\\frac{$1}{");
}

const unitWords =
  "square,ways,integers,dollars,mph,inches,hours,km,units,points,feet,minutes,digits,cents,degrees,cm,gm,pounds,meters,meals,edges,students,multiples";
const unit = new RegExp(`\\b(?:${unitWords.replaceAll(",", "|")})\\b`, "g");

function minerva(answer: string): string {
  let text = answer.split("=").at(-1)!;
  text = text.replace(unit, "").replace(/\\?\$|\\ |\\!|\\,|\\;|\s|\^\\circ|\\%|%/g, "");
  text = text.replace(/\\(?:text|textbf|mathrm|overline|boxed)\{([^{}]*)\}/g, "$1");
  text = braced(text);
  return /^[\d,]+$/.test(text) ? text.replaceAll(",", "") : text;
}
