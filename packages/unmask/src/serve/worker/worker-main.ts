// The engine's thread: loads the model, decodes, and sends what a step brought in one message. Between two steps it
// reads what the other thread says.

import { parentPort, workerData } from "node:worker_threads";
import { load } from "../../generate/load.ts";
import { chooseThreads, liveTensors, setThreads } from "../../generate/processor.ts";
import { LocalEngine } from "../local-engine.ts";
import type { EventSink } from "../scheduler.ts";
import { type FromWorker, type News, plainError, type ToWorker, type WorkerData } from "./protocol.ts";

const port = parentPort!;
const send = (message: FromWorker): void => port.postMessage(message);

let held: News[] = [];

/** News of one step leave together, before the next forward. */
function tell(news: News): void {
  if (held.length === 0) {
    setImmediate(() => {
      send({ type: "news", news: held });
      held = [];
    });
  }
  held.push(news);
}

/** How a request is taken out again, while it is here. */
const leaving = new Map<number, () => void>();

function sinkOf(id: number): EventSink {
  const last = (news: News): void => {
    leaving.delete(id);
    tell(news);
  };
  return {
    push: (event) => tell({ id, event }),
    end: () => last({ id, end: true }),
    fail: (error) => last({ id, error: plainError(error) }),
  };
}

async function hear(engine: LocalEngine, message: ToWorker): Promise<void> {
  switch (message.type) {
    case "submit": {
      const { id, request } = message;
      const sink = sinkOf(id);
      try {
        leaving.set(id, engine.send(request, sink));
      } catch (error) {
        sink.fail(error);
      }
      return;
    }
    case "leave":
      return leaving.get(message.id)?.();
    case "stats":
      return send({ type: "stats", id: message.id, stats: await engine.stats() });
    case "close":
      await engine.close({ within: message.within });
      // Behind the last news.
      setImmediate(() => {
        send({ type: "closed" });
        port.close();
      });
  }
}

async function main(options: WorkerData): Promise<void> {
  const { model: folder, id = folder, device, dtype, adapter, threads = chooseThreads() } = options;
  setThreads(threads);
  const model = await load(folder, { device, dtype, adapter });
  const engine = new LocalEngine(model, { ...options, id, liveTensors: () => liveTensors().count });
  port.on("message", (message: ToWorker) => void hear(engine, message));
  send({ type: "ready", model: engine.model });
}

main(workerData as WorkerData).catch((error: unknown) => send({ type: "failed", error: plainError(error) }));
