// Progress of a training run, from its events: one live line in a terminal, plain lines elsewhere.
//
//   ━━━━━━━━━━━━────────────  1200/5000  loss 1.92  held out 1.87 nats/token  12.3k tokens/s  1m 20s left
//
// - Loss and held-out NELBO are nats a token; the loss shown is smoothed.
// - A narrow terminal loses the bar first, then tokens/s, the unit, the time left; step and loss stay.
// - Without a number of steps (a limit in minutes alone) the bar follows time.
// - Without a terminal: one line every 5 seconds, and one at each evaluation.
// Rendering is pure; `TrainProgress` owns the clock and the stream.

import type { EventOf, TrainEvent } from "../train/events.ts";
import { duration, gigabytes, short } from "./numbers.ts";
import {
  displayWidth,
  hasColours,
  isLive,
  LiveArea,
  type Output,
  type Styles,
  screenOf,
  styles,
} from "./terminal.ts";

export interface ProgressState {
  step: number;
  /** Infinity where only time is limited. */
  steps: number;
  loss?: number;
  nelbo?: number;
  tokensPerSecond?: number;
  seconds: number;
  secondsLeft?: number;
}

export const newProgress = (): ProgressState => ({ step: 0, steps: 0, seconds: 0 });

/** The state after an event. */
export function advance(state: ProgressState, event: TrainEvent): ProgressState {
  switch (event.type) {
    case "start":
      return { ...state, step: event.fromStep, steps: event.steps };
    case "step": {
      const { step, steps, smoothedLoss: loss, tokensPerSecond, seconds, secondsLeft } = event;
      return { ...state, step, steps, loss, tokensPerSecond, seconds, secondsLeft };
    }
    case "evaluate":
      return { ...state, ...(event.metrics.nelbo === undefined ? {} : { nelbo: event.metrics.nelbo }) };
    default:
      return state;
  }
}

function fractionDone({ step, steps, seconds, secondsLeft }: ProgressState): number {
  if (Number.isFinite(steps) && steps > 0) return Math.min(1, step / steps);
  return secondsLeft === undefined || seconds + secondsLeft === 0 ? 0 : seconds / (seconds + secondsLeft);
}

const stepsDone = ({ step, steps }: ProgressState): string =>
  Number.isFinite(steps) ? `${step}/${steps}` : `${step}`;

export function renderBar(fraction: number, width: number, { cyan, dim }: Styles): string {
  const full = Math.round(Math.max(0, Math.min(1, fraction)) * width);
  return cyan("━".repeat(full)) + dim("─".repeat(width - full));
}

/** The live line: at most `columns - 1` wide. */
export function render(state: ProgressState, columns: number, style: Styles): string {
  const { loss, nelbo, tokensPerSecond, secondsLeft } = state;
  const fraction = fractionDone(state);
  const numbers = [
    loss === undefined ? "" : `loss ${style.bold(loss.toFixed(3))}`,
    nelbo === undefined ? "" : `held out ${style.bold(nelbo.toFixed(3))}`,
  ].filter(Boolean);
  const unit = numbers.length > 0 ? " nats/token" : "";
  const speed = tokensPerSecond === undefined ? "" : `${short(tokensPerSecond)} tokens/s`;
  const left =
    secondsLeft === undefined || !Number.isFinite(secondsLeft) ? "" : `${duration(secondsLeft)} left`;
  const line = (bar: number, withUnit: boolean, ...rest: string[]) =>
    [
      bar > 0 ? renderBar(fraction, bar, style) : "",
      stepsDone(state),
      numbers.join("  ") + (withUnit ? unit : ""),
      ...rest,
    ]
      .filter(Boolean)
      .join("  ");
  const forms = [
    line(24, true, speed, left),
    line(12, true, speed, left),
    line(12, false, speed, left),
    line(0, false, speed, left),
    line(0, false, left),
    line(0, false),
  ];
  return (
    forms.find((form) => displayWidth(form) < columns) ?? stepsDone(state).slice(0, Math.max(0, columns - 1))
  );
}

/** The line for logs and pipes. */
export function renderPlain(state: ProgressState): string {
  const { loss, nelbo, tokensPerSecond, secondsLeft } = state;
  return [
    `step ${stepsDone(state)}`,
    loss === undefined ? "" : `loss ${loss.toFixed(4)} nats/token`,
    nelbo === undefined ? "" : `held out ${nelbo.toFixed(4)}`,
    tokensPerSecond === undefined ? "" : `${short(tokensPerSecond)} tokens/s`,
    secondsLeft === undefined || !Number.isFinite(secondsLeft) ? "" : `${duration(secondsLeft)} left`,
  ]
    .filter(Boolean)
    .join(" · ");
}

/** What is about to be trained, in two lines. */
export function renderStart(event: EventOf<"start">): string {
  const heldOut = event.heldOutRows > 0 ? `, ${event.heldOutRows} held out` : "";
  const count = event.rows === undefined ? "a stream of" : event.rows;
  const rows = `${count} rows of ${event.rowLength} tokens${heldOut}`;
  const threads = `${event.threads} thread${event.threads === 1 ? "" : "s"}`;
  const workers = event.workers === 1 ? "" : `${event.workers} workers, `;
  const going = event.fromStep > 0 ? `going on from step ${event.fromStep}, ` : "";
  const steps = Number.isFinite(event.steps) ? `${event.steps} steps, ` : "";
  const how = `${workers}${event.dtype} products, ${threads}, about ${gigabytes(event.estimatedBytes)} of memory`;
  return `${event.folder}: ${short(event.parameters)} parameters, ${rows}\n${going}${steps}${how}`;
}

const drawEvery = 100; // ms
const plainEvery = 5000; // ms

export interface ProgressOptions {
  readonly output: Output;
  readonly errors?: Output;
  readonly now?: () => number;
  readonly env?: NodeJS.ProcessEnv;
}

export class TrainProgress {
  private state = newProgress();
  private shown = Number.NEGATIVE_INFINITY;
  private readonly output: Output;
  private readonly errors: Output;
  private readonly now: () => number;
  private readonly style: Styles;
  private readonly area: LiveArea | undefined;

  constructor({
    output,
    errors = process.stderr,
    now = () => performance.now(),
    env = process.env,
  }: ProgressOptions) {
    this.output = output;
    this.errors = errors;
    this.now = now;
    this.style = styles(hasColours(output, env));
    this.area = isLive(output, env) ? new LiveArea(output) : undefined;
  }

  readonly onEvent = (event: TrainEvent): void => {
    this.state = advance(this.state, event);
    if (event.type === "start") {
      this.say(renderStart(event));
      for (const warning of event.warnings) this.warn(warning);
    } else if (event.type === "step" || event.type === "evaluate") this.show(event.type === "evaluate");
    else if (event.type === "finish") {
      for (const warning of event.warnings ?? []) this.warn(warning);
      this.end();
    }
  };

  /** A line of its own that does not disturb the live one. */
  say(text: string): void {
    if (this.area === undefined) this.output.write(`${text}\n`);
    else this.area.above(text);
  }

  warn(text: string): void {
    if (this.area === undefined) this.errors.write(`warning: ${text}\n`);
    else this.area.above(`warning: ${text}`, this.errors);
  }

  /** Shows the last state and gives the terminal back. Harmless when called twice. */
  end(): void {
    if (this.area === undefined) return;
    if (this.state.loss !== undefined) this.area.draw([this.live()]);
    this.area.finish();
    this.state = newProgress();
  }

  private show(now: boolean): void {
    const time = this.now();
    const wait = this.area === undefined ? plainEvery : drawEvery;
    if (!now && time - this.shown < wait) return;
    this.shown = time;
    if (this.area === undefined) this.output.write(`${renderPlain(this.state)}\n`);
    else this.area.drawSoon(() => [this.live()]);
  }

  private live(): string {
    return render(this.state, screenOf(this.output).columns, this.style);
  }
}
