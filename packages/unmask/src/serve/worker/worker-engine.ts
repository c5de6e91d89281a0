// An engine in a thread of its own, so that whoever asks never waits for a forward: requests and events go through a
// port.
//
// If the thread dies, the requests it had fail with one clear error, `ready` turns false, and it is started again, once:
// a thread that dies within a minute of its start stays down, and submit() says so.

import { Worker } from "node:worker_threads";
import { UnmaskError } from "../../base/errors.ts";
import type { Engine, EngineEvent, EngineModel, EngineRequest, EngineStats } from "../engine.ts";
import { ClosedError, OverloadedError } from "../errors.ts";
import { EventQueue } from "../event-queue.ts";
import { errorOf, type FromWorker, type News, type ToWorker, type WorkerData } from "./protocol.ts";

/** Milliseconds that a thread must have lived to be started again. */
const least = 60_000;
/** Seconds after which a request may try again while the model is loaded anew. */
const retryAfter = 5;

interface Question {
  resolve(stats: EngineStats): void;
  reject(error: unknown): void;
}

type State = "ready" | "loading" | "dead" | "closing";

export interface WorkerOptions extends WorkerData {
  /** Module of the thread; another one in tests. */
  readonly module?: URL | undefined;
  readonly least?: number | undefined;
}

export class WorkerEngine implements Engine {
  readonly model: EngineModel;
  private readonly options: WorkerOptions;
  private worker: Worker;
  private state: State = "ready";
  private began = performance.now();
  private reason = "";
  private readonly requests = new Map<number, EventQueue>();
  private readonly questions = new Map<number, Question>();
  private asked = 0;
  private onClosed: () => void = () => undefined;

  private constructor(worker: Worker, model: EngineModel, options: WorkerOptions) {
    this.model = model;
    this.options = options;
    this.worker = this.watch(worker);
  }

  /** Starts the thread and loads the model in it. Throws what loading throws. */
  static async open(options: WorkerOptions): Promise<WorkerEngine> {
    const { worker, model } = await startWorker(options);
    return new WorkerEngine(worker, model, options);
  }

  get ready(): boolean {
    return this.state === "ready";
  }

  get failed(): boolean {
    return this.state === "dead";
  }

  submit(request: EngineRequest, signal?: AbortSignal): AsyncIterableIterator<EngineEvent> {
    const id = this.asked++;
    const leave = () => {
      this.send({ type: "leave", id });
      this.requests.get(id)?.end();
      forget();
    };
    const forget = () => {
      this.requests.delete(id);
      signal?.removeEventListener("abort", leave);
    };
    const events = new RequestEvents(leave, forget);
    if (this.state !== "ready") {
      events.fail(this.refusal());
      return events;
    }
    if (signal?.aborted) {
      events.end();
      return events;
    }
    signal?.addEventListener("abort", leave, { once: true });
    this.requests.set(id, events);
    this.send({ type: "submit", id, request });
    return events;
  }

  stats(): Promise<EngineStats> {
    if (this.state === "dead" || this.state === "loading") return Promise.reject(this.refusal());
    const id = this.asked++;
    return new Promise((resolve, reject) => {
      this.questions.set(id, { resolve, reject });
      this.send({ type: "stats", id });
    });
  }

  async close({ within = 0 }: { within?: number | undefined } = {}): Promise<void> {
    const was = this.state;
    this.state = "closing";
    if (was !== "ready") {
      await this.worker.terminate();
      return;
    }
    const closed = new Promise<void>((resolve) => {
      this.onClosed = resolve;
    });
    this.send({ type: "close", within });
    await closed;
    await this.worker.terminate();
    this.dropAll(new ClosedError("the server is shutting down"));
  }

  private refusal(): UnmaskError {
    if (this.state === "closing") return new ClosedError("the server is shutting down");
    if (this.state === "loading") {
      return new OverloadedError("the engine is being started again; try again later", retryAfter);
    }
    return new UnmaskError(`the engine ended twice (${this.reason}); start the server again`);
  }

  private send(message: ToWorker): void {
    this.worker.postMessage(message);
  }

  private watch(worker: Worker): Worker {
    worker.on("message", (message: FromWorker) => this.hear(message));
    // An error comes before the exit that it causes.
    worker.on("error", (error) => {
      this.reason = error.message;
    });
    worker.on("exit", (code) => this.died(code));
    return worker;
  }

  private hear(message: FromWorker): void {
    if (message.type === "news") for (const one of message.news) this.pass(one);
    if (message.type === "stats") {
      this.questions.get(message.id)?.resolve(message.stats);
      this.questions.delete(message.id);
    }
    if (message.type === "closed") this.onClosed();
  }

  private pass(news: News): void {
    const events = this.requests.get(news.id);
    if (events === undefined) return;
    if ("event" in news) events.push(news.event);
    else if ("error" in news) events.fail(errorOf(news.error));
    else events.end();
  }

  private dropAll(error: Error): void {
    for (const events of [...this.requests.values()]) events.fail(error);
    for (const { reject } of this.questions.values()) reject(error);
    this.questions.clear();
  }

  private died(code: number): void {
    if (this.state === "closing") {
      this.onClosed();
      return;
    }
    this.reason = this.reason === "" ? `exit code ${code}` : this.reason;
    this.state = "loading";
    this.dropAll(new UnmaskError(`the engine ended while it was at work (${this.reason}); ask again`));
    const lived = performance.now() - this.began;
    if (lived < (this.options.least ?? least)) this.state = "dead";
    else void this.restart();
  }

  private async restart(): Promise<void> {
    try {
      const { worker } = await startWorker(this.options);
      if (this.state !== "loading") {
        await worker.terminate();
        return;
      }
      this.worker = this.watch(worker);
      this.began = performance.now();
      this.reason = "";
      this.state = "ready";
    } catch (error) {
      this.reason = error instanceof Error ? error.message : String(error);
      this.state = "dead";
    }
  }
}

/** Whatever ends a request, nothing is left of it here. */
class RequestEvents extends EventQueue {
  private readonly forget: () => void;

  constructor(onLeave: () => void, forget: () => void) {
    super(onLeave);
    this.forget = forget;
  }

  override end(): void {
    super.end();
    this.forget();
  }

  override fail(error: unknown): void {
    super.fail(error);
    this.forget();
  }
}

/** A thread that has loaded its model. */
async function startWorker(options: WorkerOptions): Promise<{ worker: Worker; model: EngineModel }> {
  const { module = new URL("./worker-main.js", import.meta.url), least: _, ...data } = options;
  const worker = new Worker(module, { workerData: data, execArgv: [] });
  const message = await new Promise<FromWorker>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) =>
      reject(new UnmaskError(`the engine ended while it loaded (exit code ${code})`)),
    );
  });
  // Without a name this would also remove what Node itself listens to.
  for (const event of ["message", "error", "exit"]) worker.removeAllListeners(event);
  if (message.type === "ready") return { worker, model: message.model };
  await worker.terminate();
  throw message.type === "failed" ? errorOf(message.error) : new Error(`unexpected ${message.type}`);
}
