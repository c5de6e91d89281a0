// @ts-check
// What a trace of Chromium says of the main thread between two marks.

/** Script, style, layout and paint; an event inside another is counted once. */
const counted = new Set([
  ...["FunctionCall", "EvaluateScript", "EventDispatch", "FireAnimationFrame", "TimerFire", "RunMicrotasks"],
  ...[
    "UpdateLayoutTree",
    "Layout",
    "PrePaint",
    "Paint",
    "Layerize",
    "Commit",
    "UpdateLayer",
    "MajorGC",
    "MinorGC",
  ],
]);

/**
 * Milliseconds of the main thread for each step: of the clock, and of the processor, which is less where something else
 * ran on it meanwhile.
 * @param {any[]} events
 */
export function costs(events) {
  const marks = events.filter(
    ({ name, cat, ph }) => name === "step" && cat.includes("user_timing") && "IR".includes(ph),
  );
  const [first] = marks;
  if (first === undefined) throw new Error("the trace holds no mark");
  const work = events
    .filter(
      ({ name, ph, pid, tid }) => ph === "X" && counted.has(name) && pid === first.pid && tid === first.tid,
    )
    .map(({ ts, dur, tdur }) => ({ from: ts, to: ts + dur, share: dur > 0 ? (tdur ?? dur) / dur : 1 }))
    .sort((a, b) => a.from - b.from);
  const times = marks.map(({ ts }) => ts).sort((a, b) => a - b);
  return times.slice(0, -1).map((from, at) => covered(work, from, /** @type {number} */ (times[at + 1])));
}

/**
 * What of [from, to) lies under at least one span.
 * @param {{ from: number, to: number, share: number }[]} spans ascending
 * @param {number} from microseconds
 * @param {number} to
 */
function covered(spans, from, to) {
  let [clock, processor, end] = [0, 0, from];
  for (const span of spans) {
    if (span.from >= to) break;
    const [begin, stop] = [Math.max(span.from, end), Math.min(span.to, to)];
    if (stop <= begin) continue;
    clock += (stop - begin) / 1000;
    processor += (span.share * (stop - begin)) / 1000;
    end = stop;
  }
  return { clock, processor };
}

/**
 * @param {number[]} sorted
 * @param {number} share
 */
export const percentile = (sorted, share) =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
