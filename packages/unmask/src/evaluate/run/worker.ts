// A worker: one copy of the model, one unit at a time. In this process, or in one of its own (worker-main.ts).

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { UnmaskError } from "../../base/errors.ts";
import { type LoadOptions, load } from "../../generate/load.ts";
import { buildInfo, chooseThreads, setThreads } from "../../generate/processor.ts";
import { errorOf, type Reason } from "./reason.ts";
import { runUnit, type UnitRequest, type UnitResult } from "./unit.ts";

/** What a worker must know to load its model. */
export interface WorkerModel {
  readonly folder: string;
  /** What the user named, for the record. */
  readonly source: string;
  readonly adapter: string | undefined;
  readonly device: string;
  readonly dtype: "auto" | "float32" | "bfloat16" | "int8";
  readonly fold: boolean;
  readonly threads: number;
}

export interface Worker {
  /** Undefined if it was interrupted. Throws a WorkerDied if its process ended. */
  run(unit: UnitRequest): Promise<UnitResult | undefined>;
  close(): Promise<void>;
}

export class WorkerDied extends UnmaskError {}

/** Processor threads of each process: as asked, or measured and shared out. */
export const threadsOf = (asked: number | "auto", processes: number): number =>
  asked === "auto" ? Math.max(1, Math.floor(chooseThreads() / processes)) : asked;

/** "cuda" means one device a worker, in turn, where there are several processes. */
export function deviceOf(device: string, worker: number): string {
  const { cudaDevices } = buildInfo();
  return device === "cuda" && cudaDevices > 1 ? `cuda:${worker % cudaDevices}` : device;
}

export const engineVersion = (): string => buildInfo().version;

/** A worker in this process. */
export async function localWorker(model: WorkerModel, signal?: AbortSignal): Promise<Worker> {
  setThreads(model.threads);
  const { folder, adapter, dtype, fold } = model;
  const device = model.device as LoadOptions["device"];
  const loaded = await load(folder, { adapter, device, dtype, fold });
  const named = { ...loaded, source: model.source };
  return {
    run: (unit) => runUnit(named, unit, signal),
    close: () => Promise.resolve(loaded.dispose()),
  };
}

/** What the two processes say to each other. */
export type ToChild =
  | { readonly type: "load"; readonly model: WorkerModel }
  | { readonly type: "unit"; readonly unit: UnitRequest };
export type FromChild =
  | { readonly type: "ready" }
  | { readonly type: "done"; readonly result: UnitResult }
  | { readonly type: "failed"; readonly error: Reason };

/** A worker in a process of its own. */
export async function childWorker(model: WorkerModel, signal?: AbortSignal): Promise<Worker> {
  const child = fork(fileURLToPath(new URL("./worker-main.js", import.meta.url)), [], {
    serialization: "advanced",
    execArgv: [],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  let waiting: { resolve: (message: FromChild) => void; reject: (error: Error) => void } | undefined;
  let ended: Error | undefined;
  const end = (how: string) => {
    ended ??= new WorkerDied(`a worker process ended (${how})`);
    waiting?.reject(ended);
  };
  child.on("message", (message) => waiting?.resolve(message as FromChild));
  child.on("error", (error) => end(error.message));
  child.on("exit", (code, name) => end(name ?? `exit code ${code}`));
  const ask = (message: ToChild): Promise<FromChild> =>
    new Promise<FromChild>((resolve, reject) => {
      if (ended !== undefined) throw ended;
      waiting = { resolve, reject };
      child.send(message, (error) => error && end(error.message));
    }).finally(() => {
      waiting = undefined;
    });
  const stop = () => child.kill("SIGKILL"); // a unit that is not finished is asked again
  signal?.addEventListener("abort", stop);
  const close = async (): Promise<void> => {
    signal?.removeEventListener("abort", stop);
    if (ended !== undefined) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.disconnect();
    await gone;
  };
  try {
    opened(await ask({ type: "load", model }));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    close,
    async run(unit) {
      try {
        const answer = opened(await ask({ type: "unit", unit }));
        return answer.type === "done" ? answer.result : undefined;
      } catch (error) {
        if (error instanceof WorkerDied && signal?.aborted) return undefined;
        throw error;
      }
    },
  };
}

/** What a child could not do is thrown here. */
function opened(message: FromChild): FromChild {
  if (message.type !== "failed") return message;
  throw errorOf(message.error);
}
