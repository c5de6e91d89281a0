// One line for the whole quickstart: which stage, what it is at, and how long all that is left will take.
//
//   ━━━━━━━─────────  4/13  DiDi-Instruct's student of stories  step 210  2m 40s left

import { duration } from "../numbers.ts";
import { renderBar } from "../progress.ts";
import { displayWidth, hasColours, isLive, LiveArea, type Output, screenOf, styles } from "../terminal.ts";
import type { Stage, StageView } from "./stage.ts";

const plainEvery = 5000; // ms

export interface OverallState {
  readonly stages: readonly Stage[];
  /** Index of the running stage. */
  readonly at: number;
  /** Of the running stage, 0 to 1. */
  readonly done: number;
  readonly detail: string;
  /** Of the running stage so far. */
  readonly seconds: number;
}

/** What is left: the running stage at the pace it has shown, the others as long as they are thought to take. */
export function secondsLeft({ stages, at, done, seconds }: OverallState): number {
  const later = stages.slice(at + 1).reduce((sum, stage) => sum + stage.seconds, 0);
  const thought = stages[at]!.seconds;
  // A pace that was seen for a moment only says little.
  const own = done > 0.1 ? (seconds * (1 - done)) / done : thought * (1 - done);
  return own + later;
}

export function shareDone({ stages, at, done }: OverallState): number {
  const total = stages.reduce((sum, stage) => sum + stage.seconds, 0);
  const before = stages.slice(0, at).reduce((sum, stage) => sum + stage.seconds, 0);
  return (before + done * stages[at]!.seconds) / total;
}

/** At most `columns - 1` wide: the bar goes first, then the detail. */
export function renderOverall(
  state: OverallState,
  columns: number,
  bar = (share: number, width: number) => renderBar(share, width, styles(false)),
): string {
  const { stages, at, detail } = state;
  const place = `${at + 1}/${stages.length}`;
  const left = `${duration(secondsLeft(state))} left`;
  const { title } = stages[at]!;
  const forms = [
    [bar(shareDone(state), 16), place, title, detail, left],
    [bar(shareDone(state), 8), place, title, detail, left],
    [place, title, detail, left],
    [place, title, left],
    [place, left],
  ].map((parts) => parts.filter(Boolean).join("  "));
  return forms.find((form) => displayWidth(form) < columns) ?? place.slice(0, Math.max(0, columns - 1));
}

export class OverallProgress implements StageView {
  private state: OverallState | undefined;
  private began = 0;
  private shown = Number.NEGATIVE_INFINITY;
  private readonly stages: readonly Stage[];
  private readonly output: Output;
  private readonly now: () => number;
  private readonly area: LiveArea | undefined;

  constructor(stages: readonly Stage[], output: Output, now: () => number = () => performance.now()) {
    this.stages = stages;
    this.output = output;
    this.now = now;
    this.area = isLive(output) ? new LiveArea(output) : undefined;
  }

  skip({ title }: Stage): void {
    this.say(`${title}: done before`);
  }

  begin(_: Stage, at: number): void {
    this.finishStage();
    this.began = this.now();
    this.state = { stages: this.stages, at, done: 0, detail: "", seconds: 0 };
    this.show(true);
  }

  report(done: number, detail: string): void {
    if (this.state === undefined) return;
    this.state = { ...this.state, done, detail, seconds: (this.now() - this.began) / 1000 };
    this.show(false);
  }

  say(text: string): void {
    if (this.area === undefined) this.output.write(`${text}\n`);
    else this.area.above(text);
  }

  /** Gives the terminal back. Harmless when called twice. */
  end(isFinished: boolean): void {
    if (isFinished) this.finishStage();
    this.area?.clear();
    this.area?.finish();
    this.state = undefined;
  }

  private finishStage(): void {
    if (this.state === undefined) return;
    this.say(`${this.stages[this.state.at]!.title}: ${duration((this.now() - this.began) / 1000)}`);
    this.state = undefined;
  }

  private show(now: boolean): void {
    const { state } = this;
    const time = this.now();
    if (state === undefined || (!now && time - this.shown < (this.area === undefined ? plainEvery : 100)))
      return;
    this.shown = time;
    const style = styles(hasColours(this.output));
    if (this.area === undefined) this.output.write(`${renderOverall({ ...state }, 120, () => "").trim()}\n`);
    else {
      const bar = (share: number, width: number) => renderBar(share, width, style);
      this.area.drawSoon(() => [renderOverall(state, screenOf(this.output).columns, bar)]);
    }
  }
}
