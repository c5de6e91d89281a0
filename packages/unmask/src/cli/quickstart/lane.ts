// A lane: stages that follow each other and need nothing of the other lanes. Lanes run side by side, each in a process
// of its own with its share of the processor.

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { UnmaskError } from "../../base/errors.ts";
import { errorOf, type Reason } from "../../evaluate/run/reason.ts";
import type { QuickstartOptions } from "./options.ts";
import type { Settings } from "./settings.ts";
import type { Running, Stage } from "./stage.ts";

/** What the process of a lane must know. */
export interface LaneRequest {
  readonly options: QuickstartOptions;
  readonly settings: Settings;
  readonly lane: string;
  /** Of an operator. */
  readonly threads: number;
}

/** What the two processes say to each other; stages go by their names. */
export type ToLane = { readonly type: "run"; readonly request: LaneRequest } | { readonly type: "stop" };
export type FromLane =
  | { readonly type: "begin" | "skip" | "end"; readonly stage: string }
  | { readonly type: "report"; readonly stage: string; readonly done: number; readonly detail: string }
  | { readonly type: "finished"; readonly isFinished: boolean }
  | { readonly type: "failed"; readonly error: Reason };

/** Runs what is not done yet of the lane's stages; false if it was interrupted. */
export async function runLane(
  request: LaneRequest,
  stages: readonly Stage[],
  { view, signal }: Running,
): Promise<boolean> {
  const child = fork(fileURLToPath(new URL("./lane-main.js", import.meta.url)), [], {
    serialization: "advanced",
    execArgv: [],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const send = (message: ToLane): void => void (child.connected && child.send(message));
  const stop = (): void => send({ type: "stop" });
  signal.addEventListener("abort", stop);
  const named = (name: string): Stage => stages.find((stage) => stage.name === name)!;
  try {
    return await new Promise<boolean>((resolve, reject) => {
      child.on("message", (message: FromLane) => {
        if (message.type === "finished") resolve(message.isFinished);
        else if (message.type === "failed") reject(errorOf(message.error));
        else if (message.type === "report") view.report(named(message.stage), message.done, message.detail);
        else view[message.type](named(message.stage));
      });
      child.on("error", reject);
      child.on("exit", (code, name) =>
        reject(new UnmaskError(`the process of the ${request.lane} ended (${name ?? `exit code ${code}`})`)),
      );
      send({ type: "run", request });
      if (signal.aborted) stop();
    });
  } finally {
    signal.removeEventListener("abort", stop);
    if (child.connected) child.disconnect();
  }
}
