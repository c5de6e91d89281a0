// Numbers for Prometheus: of HTTP, of answers, and of the engine. docs/serve.md lists them.

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Engine, EngineStats } from "../engine.ts";
import type { Exchange } from "./service.ts";
import type { Tally } from "./tally.ts";

const seconds = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300];

export class Metrics {
  readonly registry = new Registry();
  readonly slowClients: Counter;
  private readonly requests: Counter<"route" | "status">;
  private readonly requestSeconds: Histogram<"route">;
  private readonly open: Gauge;
  private readonly firstTextSeconds: Histogram;
  private readonly queueSeconds: Histogram;
  private readonly workSeconds: Histogram;
  private readonly tokensPerForward: Histogram;
  private readonly engine: EngineMetrics;
  private readonly begun = new WeakSet<Exchange>();

  /** `process`: memory, processor time and event loop of this process too. */
  constructor(engine: Engine, { process = false }: { process?: boolean } = {}) {
    const registers = [this.registry];
    const histogram = (name: string, help: string, buckets: readonly number[] = seconds) =>
      new Histogram({ name, help, buckets: [...buckets], registers });
    this.requests = new Counter({
      name: "unmask_http_requests_total",
      help: "Requests that were answered, by route and status; 499: the client went away",
      labelNames: ["route", "status"],
      registers,
    });
    this.requestSeconds = new Histogram({
      name: "unmask_http_request_seconds",
      help: "From a request's headers to the end of its answer",
      labelNames: ["route"],
      buckets: seconds,
      registers,
    });
    this.open = new Gauge({ name: "unmask_http_open", help: "Requests being answered", registers });
    this.slowClients = new Counter({
      name: "unmask_http_slow_clients_total",
      help: "Clients that were dropped because they did not read",
      registers,
    });
    this.firstTextSeconds = histogram(
      "unmask_first_text_seconds",
      "From a request to its first certain text",
    );
    this.queueSeconds = histogram("unmask_queue_seconds", "Waiting in the queue");
    this.workSeconds = histogram("unmask_work_seconds", "From leaving the queue to the last token");
    this.tokensPerForward = histogram(
      "unmask_tokens_per_forward",
      "Tokens of a sequence by forwards it took part in",
      [0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 16],
    );
    this.engine = new EngineMetrics(this.registry, engine);
    if (process) collectDefaultMetrics({ register: this.registry });
  }

  opened(): void {
    this.open.inc();
  }

  closed(route: string, status: number, milliseconds: number): void {
    this.open.dec();
    this.requests.inc({ route, status: String(status) });
    this.requestSeconds.observe({ route }, milliseconds / 1000);
  }

  firstText(exchange: Exchange): void {
    if (this.begun.has(exchange)) return;
    this.begun.add(exchange);
    this.firstTextSeconds.observe(exchange.elapsed() / 1000);
  }

  answered({ queued, worked, choices }: Tally): void {
    this.queueSeconds.observe(queued / 1000);
    this.workSeconds.observe(worked / 1000);
    for (const { tokens, forwards } of choices) {
      if (forwards > 0) this.tokensPerForward.observe(tokens / forwards);
    }
  }

  /** The text that Prometheus reads. */
  async text(): Promise<string> {
    await this.engine.update();
    return this.registry.metrics();
  }
}

type Totals = EngineStats["totals"];

/** Totals that the engine keeps, by metric and label. */
const totals: readonly {
  readonly name: string;
  readonly help: string;
  readonly label?: string;
  readonly values: Readonly<Record<string, keyof Totals>>;
}[] = [
  {
    name: "unmask_engine_requests_total",
    help: "Requests that left the engine",
    label: "outcome",
    values: {
      finished: "finished",
      aborted: "aborted",
      refused: "refused",
      expired: "expired",
      failed: "failed",
    },
  },
  {
    name: "unmask_engine_tokens_total",
    help: "Tokens; wasted: decoded behind an end or for clients that went away",
    label: "kind",
    values: { prompt: "promptTokens", cached: "cachedTokens", written: "tokens", wasted: "wastedTokens" },
  },
  { name: "unmask_engine_forwards_total", help: "Forwards of the network", values: { "": "forwards" } },
  {
    name: "unmask_engine_positions_total",
    help: "Positions that went through the network",
    values: { "": "positions" },
  },
  { name: "unmask_engine_rows_total", help: "Sequences over all forwards", values: { "": "rows" } },
];

class EngineMetrics {
  private readonly engine: Engine;
  private readonly counters: readonly { counter: Counter; spec: (typeof totals)[number] }[];
  private readonly up: Gauge;
  private readonly requests: Gauge<"state">;
  private readonly sequences: Gauge;
  private readonly tensors: Gauge;
  private readonly reserved: Gauge;

  constructor(registry: Registry, engine: Engine) {
    const registers = [registry];
    this.engine = engine;
    this.counters = totals.map((spec) => {
      const { name, help, label } = spec;
      const labelNames = label === undefined ? [] : [label];
      return { spec, counter: new Counter({ name, help, labelNames, registers }) };
    });
    this.requests = new Gauge({
      name: "unmask_engine_requests",
      help: "Requests in the engine",
      labelNames: ["state"],
      registers,
    });
    const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
    this.up = gauge(
      "unmask_engine_up",
      "1 while the engine answers, 0 while it is being started again or has failed",
    );
    this.sequences = gauge("unmask_engine_sequences", "Sequences being decoded");
    this.tensors = gauge("unmask_engine_live_tensors", "Tensors that are not freed");
    this.reserved = gauge("unmask_engine_reserved_bytes", "Memory set aside for running sequences");
    const info = new Gauge({
      name: "unmask_model_info",
      help: "The model that is served",
      labelNames: ["model", "family"],
      registers,
    });
    info.set({ model: engine.model.id, family: engine.model.family }, 1);
  }

  private async stats(): Promise<EngineStats | undefined> {
    try {
      return await this.engine.stats();
    } catch {
      return undefined;
    }
  }

  /** An engine that has died tells nothing: its figures stay as they were. */
  async update(): Promise<void> {
    const stats = await this.stats();
    this.up.set(stats === undefined ? 0 : 1);
    if (stats === undefined) return;
    this.requests.set({ state: "waiting" }, stats.waiting);
    this.requests.set({ state: "running" }, stats.running);
    this.sequences.set(stats.sequences);
    this.tensors.set(stats.liveTensors);
    this.reserved.set(stats.reservedBytes);
    for (const { counter, spec } of this.counters) {
      counter.reset();
      for (const [value, key] of Object.entries(spec.values)) {
        const labels = spec.label === undefined ? {} : { [spec.label]: value };
        counter.inc(labels, stats.totals[key]);
      }
    }
  }
}
