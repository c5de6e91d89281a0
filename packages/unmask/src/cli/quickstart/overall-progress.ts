// The whole quickstart at a glance: how much is done and how long all that is left will take, and below it each stage
// that runs and what it is at.
//
//   ━━━━━━━─────────  4/13  2m 40s left
//   Teacher of stories (MDLM)  step 210  loss 1.204
//   Its student (T3D)  step 31  loss 0.377

import { duration } from "../numbers.ts";
import { renderBar } from "../progress.ts";
import { displayWidth, hasColours, isLive, LiveArea, type Output, screenOf, styles } from "../terminal.ts";
import type { Stage, StageView } from "./stage.ts";

const plainEvery = 5000; // ms

export interface RunningStage {
  readonly stage: Stage;
  /** 0 to 1. */
  readonly done: number;
  readonly detail: string;
  /** So far. */
  readonly seconds: number;
}

export interface OverallState {
  readonly stages: readonly Stage[];
  readonly running: readonly RunningStage[];
  /** Names. */
  readonly ended: ReadonlySet<string>;
}

/** Of a stage: at the pace that it has shown, or as long as it is thought to take. */
function stageSecondsLeft({ running, ended }: OverallState, stage: Stage): number {
  if (ended.has(stage.name)) return 0;
  const own = running.find((one) => one.stage.name === stage.name);
  if (own === undefined) return stage.seconds;
  const { done, seconds } = own;
  // A pace that was seen for a moment only says little.
  return done > 0.1 ? (seconds * (1 - done)) / done : stage.seconds * (1 - done);
}

/** Lanes run side by side: the longest counts. */
export function secondsLeft(state: OverallState): number {
  const sums = new Map<string | undefined, number>();
  for (const stage of state.stages) {
    sums.set(stage.lane, (sums.get(stage.lane) ?? 0) + stageSecondsLeft(state, stage));
  }
  const alone = sums.get(undefined) ?? 0;
  sums.delete(undefined);
  return alone + Math.max(0, ...sums.values());
}

export function shareDone({ stages, running, ended }: OverallState): number {
  const total = stages.reduce((sum, stage) => sum + stage.seconds, 0);
  const whole = stages.filter(({ name }) => ended.has(name)).reduce((sum, { seconds }) => sum + seconds, 0);
  return (whole + running.reduce((sum, { done, stage }) => sum + done * stage.seconds, 0)) / total;
}

const overview = (state: OverallState): string[] => [
  `${Math.min(state.stages.length, state.ended.size + 1)}/${state.stages.length}`,
  `${duration(secondsLeft(state))} left`,
];

/** Of several forms the first that is narrower than the terminal; else the last, cut. */
function fitting(forms: readonly (readonly string[])[], columns: number): string {
  const lines = forms.map((parts) => parts.filter(Boolean).join("  "));
  return (
    lines.find((line) => displayWidth(line) < columns) ?? lines.at(-1)!.slice(0, Math.max(0, columns - 1))
  );
}

/** Lines of at most `columns - 1`: the bar goes first, then the details. */
export function renderOverall(
  state: OverallState,
  columns: number,
  bar = (share: number, width: number) => renderBar(share, width, styles(false)),
): string[] {
  const [place, left] = overview(state) as [string, string];
  const first = [[bar(shareDone(state), 24), place, left], [place, left], [place]];
  const stages = state.running.map(({ stage: { title }, detail }) => [[title, detail], [title]]);
  return [first, ...stages].map((forms) => fitting(forms, columns));
}

/** One line, where nothing can be drawn again. */
export function renderPlain(state: OverallState): string {
  const stages = state.running.map(({ stage: { title }, detail }) =>
    [title, detail].filter(Boolean).join("  "),
  );
  return [...overview(state), stages.join(" | ")].join("  ");
}

export class OverallProgress implements StageView {
  private readonly running = new Map<string, RunningStage & { readonly began: number }>();
  private readonly ended = new Set<string>();
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

  skip({ name, title }: Stage): void {
    this.ended.add(name);
    this.say(`${title}: done before`);
  }

  begin(stage: Stage): void {
    this.running.set(stage.name, { stage, done: 0, detail: "", seconds: 0, began: this.now() });
    this.show(true);
  }

  report({ name }: Stage, done: number, detail: string): void {
    const one = this.running.get(name);
    if (one === undefined) return;
    this.running.set(name, { ...one, done, detail, seconds: (this.now() - one.began) / 1000 });
    this.show(false);
  }

  end({ name, title }: Stage): void {
    const one = this.running.get(name);
    if (one === undefined) return;
    this.running.delete(name);
    this.ended.add(name);
    this.say(`${title}: ${duration((this.now() - one.began) / 1000)}`);
  }

  say(text: string): void {
    if (this.area === undefined) this.output.write(`${text}\n`);
    else this.area.above(text);
  }

  /** Gives the terminal back. Harmless when called twice. */
  close(): void {
    this.running.clear();
    this.area?.clear();
    this.area?.finish();
  }

  private show(now: boolean): void {
    const time = this.now();
    if (!now && time - this.shown < (this.area === undefined ? plainEvery : 100)) return;
    this.shown = time;
    const state = (): OverallState => {
      return { stages: this.stages, running: [...this.running.values()], ended: this.ended };
    };
    if (this.area === undefined) this.output.write(`${renderPlain(state())}\n`);
    else {
      const style = styles(hasColours(this.output));
      const bar = (share: number, width: number) => renderBar(share, width, style);
      this.area.drawSoon(() => renderOverall(state(), screenOf(this.output).columns, bar));
    }
  }
}
