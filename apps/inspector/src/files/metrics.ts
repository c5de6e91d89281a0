// metrics.jsonl of a training run as curves.

import type { EventOf, TrainEvent } from "#unmask/train/events.ts";

export interface Point {
  readonly step: number;
  readonly value: number;
}

export interface Curve {
  readonly name: string;
  readonly points: readonly Point[];
}

export interface Metrics {
  readonly start: EventOf<"start"> | undefined;
  readonly last: EventOf<"step"> | undefined;
  readonly finish: EventOf<"finish"> | undefined;
  readonly loss: Curve;
  readonly smoothed: Curve;
  readonly learningRate: Curve;
  readonly gradientNorm: Curve;
  readonly tokensPerSecond: Curve;
  /** One curve a bucket of masked shares, the least masked first. */
  readonly ratios: readonly (Curve & { readonly from: number; readonly to: number })[];
  /** One curve a figure on held-out data. */
  readonly evaluations: readonly Curve[];
}

/** Whole lines only: a file that grows may end inside one. Lines that are no JSON are passed over. */
export function metricsOf(text: string): Metrics {
  const events = text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .flatMap(eventOf);
  const steps = events.filter((event) => event.type === "step");
  const curve = (name: string, value: (event: EventOf<"step">) => number): Curve => ({
    name,
    points: steps.map((event) => ({ step: event.step, value: value(event) })),
  });
  return {
    start: events.find((event) => event.type === "start"),
    last: steps.at(-1),
    finish: events.findLast((event) => event.type === "finish"),
    loss: curve("loss", ({ loss }) => loss),
    smoothed: curve("smoothed", ({ smoothedLoss }) => smoothedLoss),
    learningRate: curve("learning rate", ({ learningRate }) => learningRate),
    gradientNorm: curve("gradient norm", ({ gradientNorm }) => gradientNorm),
    tokensPerSecond: curve("tokens a second", ({ tokensPerSecond }) => tokensPerSecond),
    ratios: ratioCurves(events.filter((event) => event.type === "ratios")),
    evaluations: evaluationCurves(events.filter((event) => event.type === "evaluate")),
  };
}

function eventOf(line: string): TrainEvent[] {
  if (line === "") return [];
  try {
    return [JSON.parse(line) as TrainEvent];
  } catch {
    return [];
  }
}

function ratioCurves(events: readonly EventOf<"ratios">[]): Metrics["ratios"] {
  const [first] = events;
  return (first?.buckets ?? []).map(({ from, to }, at) => ({
    ...{ from, to, name: `${Math.round(100 * from)}–${Math.round(100 * to)} % masked` },
    points: events.flatMap(({ step, buckets }) => {
      const loss = buckets[at]?.loss;
      return loss === null || loss === undefined ? [] : [{ step, value: loss }];
    }),
  }));
}

function evaluationCurves(events: readonly EventOf<"evaluate">[]): Curve[] {
  const names = [...new Set(events.flatMap(({ metrics }) => Object.keys(metrics)))];
  return names.map((name) => ({
    name,
    points: events.flatMap(({ step, metrics }) => {
      const value = metrics[name];
      return value === undefined ? [] : [{ step, value }];
    }),
  }));
}

/** At most `most` points, the least and the greatest of each stretch kept, so that no peak is lost. */
export function thinned(points: readonly Point[], most: number): readonly Point[] {
  if (points.length <= most) return points;
  const width = Math.ceil((2 * points.length) / most);
  const kept: Point[] = [];
  for (let from = 0; from < points.length; from += width) {
    const stretch = points.slice(from, from + width);
    const least = stretch.reduce((a, b) => (b.value < a.value ? b : a));
    const greatest = stretch.reduce((a, b) => (b.value > a.value ? b : a));
    kept.push(...(least === greatest ? [least] : [least, greatest].sort((a, b) => a.step - b.step)));
  }
  return kept;
}
