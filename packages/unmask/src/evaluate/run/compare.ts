// Two evaluations question by question: what differs, and where it began. Pure: it looks at records.

import type { Trajectory } from "../../trajectory/record.ts";
import type { Graded } from "../tasks/task.ts";

/** A question with what came of it. */
export interface AnsweredQuestion {
  /** Its place in the task's data. */
  readonly doc: number;
  readonly id: string;
  readonly responses: readonly string[];
  readonly scores: Graded["scores"];
  readonly verdicts: Graded["verdicts"];
  /** One an answer; none where only texts are known. */
  readonly trajectories?: readonly Trajectory[] | undefined;
  /** Of each candidate, where the task chooses. */
  readonly nlls?: readonly number[] | undefined;
}

/** In the order in which things happen: a difference in one has differences in the later ones. */
export type DifferenceKind = "missing" | "prompt" | "generation" | "extraction" | "score";

export interface QuestionDifference {
  readonly task: string;
  readonly doc: number;
  readonly id: string;
  readonly kind: DifferenceKind;
  /** One sentence: what was, and what is. */
  readonly what: string;
  /** Where the two decodings part, for a generation. */
  readonly divergence?: Divergence | undefined;
  readonly before: boolean | undefined;
  readonly after: boolean | undefined;
}

/** The first forward after which two canvases are not the same, and what each wrote there and the other did not. */
export interface Divergence {
  readonly forward: number;
  readonly before: WrittenToken | null;
  readonly after: WrittenToken | null;
  /** Difference of the two confidences; null where only one wrote, or none was recorded. */
  readonly margin: number | null;
}

export interface WrittenToken {
  /** Behind the prompt. */
  readonly column: number;
  readonly token: number;
  readonly confidence: number | null;
}

export function compareQuestions(
  task: string,
  before: readonly AnsweredQuestion[],
  after: readonly AnsweredQuestion[],
): QuestionDifference[] {
  const docs = [...new Set([...before, ...after].map(({ doc }) => doc))].sort((a, b) => a - b);
  const old = new Map(before.map((one) => [one.doc, one]));
  const now = new Map(after.map((one) => [one.doc, one]));
  return docs.flatMap((doc) => {
    const [one, other] = [old.get(doc), now.get(doc)];
    const found = one === undefined || other === undefined ? missing(one) : differenceOf(one, other);
    if (found === undefined) return [];
    const { id } = (one ?? other)!;
    return [{ task, doc, id, ...found, before: one && isRight(one), after: other && isRight(other) }];
  });
}

type Found = Pick<QuestionDifference, "kind" | "what" | "divergence">;

const isRight = ({ verdicts }: AnsweredQuestion): boolean => verdicts.every(({ correct }) => correct);

const missing = (before: AnsweredQuestion | undefined): Found => ({
  kind: "missing",
  what: before === undefined ? "was not asked before" : "was not asked again",
});

function differenceOf(before: AnsweredQuestion, after: AnsweredQuestion): Found | undefined {
  return (
    promptDifference(before, after) ??
    generationDifference(before, after) ??
    likelihoodDifference(before, after) ??
    extractionDifference(before, after) ??
    scoreDifference(before, after)
  );
}

function promptDifference(before: AnsweredQuestion, after: AnsweredQuestion): Found | undefined {
  const [old, now] = [before.trajectories?.[0]?.prompt_ids, after.trajectories?.[0]?.prompt_ids];
  if (old === undefined || now === undefined) return undefined;
  const at = firstDifference(old, now);
  if (at === undefined) return undefined;
  const what = `its prompt differs from token ${at} on (${old[at] ?? "the end"} → ${now[at] ?? "the end"}; ${old.length} → ${now.length} tokens)`;
  return { kind: "prompt", what };
}

function generationDifference(before: AnsweredQuestion, after: AnsweredQuestion): Found | undefined {
  const count = Math.max(before.responses.length, after.responses.length);
  for (let at = 0; at < count; at++) {
    const [old, now] = [before.trajectories?.[at], after.trajectories?.[at]];
    const divergence = old === undefined || now === undefined ? undefined : divergenceOf(old, now);
    if (divergence !== undefined) return { kind: "generation", what: saidOf(divergence), divergence };
    const [text, other] = [before.responses[at], after.responses[at]];
    if (text !== other) {
      return { kind: "generation", what: `its text differs: ${quoted(text)} → ${quoted(other)}` };
    }
  }
  return undefined;
}

/** Where two decodings of one prompt part; undefined if they are the same token by token and forward by forward. */
export function divergenceOf(before: Trajectory, after: Trajectory): Divergence | undefined {
  const [old, now] = [writtenBy(before), writtenBy(after)];
  const forwards = Math.max(before.forwards, after.forwards);
  for (let forward = -1; forward < forwards; forward++) {
    const [one, other] = [old.get(forward) ?? [], now.get(forward) ?? []];
    const lacks = (some: readonly WrittenToken[], { column, token }: WrittenToken) =>
      !some.some((written) => written.column === column && written.token === token);
    const first = one.find((written) => lacks(other, written)) ?? null;
    const second = other.find((written) => lacks(one, written)) ?? null;
    if (first === null && second === null) continue;
    return { forward, before: first, after: second, margin: marginOf(first, second) };
  }
  return undefined;
}

/** Tokens by the forward that wrote them; −1 for what was given or filled. */
function writtenBy({ reveal_step, token_ids, confidence }: Trajectory): Map<number, WrittenToken[]> {
  const written = new Map<number, WrittenToken[]>();
  for (const [column, forward] of reveal_step.entries()) {
    const sure = confidence[column]!;
    const token = { column, token: token_ids[column]!, confidence: Number.isNaN(sure) ? null : sure };
    written.set(forward, [...(written.get(forward) ?? []), token]);
  }
  return written;
}

function marginOf(before: WrittenToken | null, after: WrittenToken | null): number | null {
  const [one, other] = [before?.confidence ?? null, after?.confidence ?? null];
  return one === null || other === null ? null : Math.abs(one - other);
}

function saidOf({ forward, before, after, margin }: Divergence): string {
  const said = (one: WrittenToken | null) =>
    one === null
      ? "nothing"
      : `token ${one.token} at ${one.column}${one.confidence === null ? "" : ` (${one.confidence.toFixed(4)})`}`;
  const apart = margin === null ? "" : `, ${margin.toExponential(1)} apart`;
  const where = forward < 0 ? "before the first forward" : `at forward ${forward}`;
  return `parts ${where}: ${said(before)} → ${said(after)}${apart}`;
}

/** How far a likelihood may lie from itself, relative to it. */
const rounding = 1e-5;

function likelihoodDifference(
  { nlls: old }: AnsweredQuestion,
  { nlls: now }: AnsweredQuestion,
): Found | undefined {
  if (old === undefined || now === undefined) return undefined;
  const at = old.findIndex(
    (nll, i) => !(Math.abs(nll - (now[i] ?? Number.NaN)) <= rounding * Math.max(1, nll)),
  );
  if (at < 0 && old.length === now.length) return undefined;
  const what = `the likelihood of candidate ${Math.max(at, 0)} differs: ${old[at]} → ${now[at]} nats`;
  return { kind: "generation", what };
}

function extractionDifference(before: AnsweredQuestion, after: AnsweredQuestion): Found | undefined {
  const count = Math.max(before.verdicts.length, after.verdicts.length);
  for (let at = 0; at < count; at++) {
    const [old, now] = [before.verdicts[at], after.verdicts[at]];
    if (old?.extracted === now?.extracted && old?.unparsed === now?.unparsed) continue;
    return { kind: "extraction", what: `read as ${quoted(old?.extracted)} → ${quoted(now?.extracted)}` };
  }
  return undefined;
}

function scoreDifference(before: AnsweredQuestion, after: AnsweredQuestion): Found | undefined {
  const names = [...new Set([...Object.keys(before.scores), ...Object.keys(after.scores)])];
  const name = names.find((one) => before.scores[one] !== after.scores[one]);
  if (name !== undefined) {
    return {
      kind: "score",
      what: `${name}: ${before.scores[name] ?? "none"} → ${after.scores[name] ?? "none"}`,
    };
  }
  return isRight(before) === isRight(after)
    ? undefined
    : { kind: "score", what: "the verdict turned over, on the same extracted answer" };
}

const quoted = (text: string | null | undefined): string => {
  if (text === null || text === undefined) return "nothing";
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 39)}…` : text);
};

/** First place where two lists differ; undefined if they are equal. */
function firstDifference(a: readonly number[], b: readonly number[]): number | undefined {
  const length = Math.max(a.length, b.length);
  for (let at = 0; at < length; at++) if (a[at] !== b[at]) return at;
  return undefined;
}
