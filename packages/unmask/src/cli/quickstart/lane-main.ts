// The process of a lane: runs its stages when it is told to, and ends when its parent is gone.

import { setThreads } from "@unmask/torch";
import { reasonOf } from "../../evaluate/run/reason.ts";
import type { FromLane, LaneRequest, ToLane } from "./lane.ts";
import { listOf } from "./list.ts";
import { runStages, type Stage } from "./stage.ts";

// A terminal's Ctrl-C reaches every process; the parent says what happens.
for (const name of ["SIGINT", "SIGHUP"] as const) process.on(name, () => undefined);

const controller = new AbortController();
const send = (message: FromLane): void => void (process.connected && process.send!(message));

const view = {
  begin: ({ name }: Stage) => send({ type: "begin", stage: name }),
  skip: ({ name }: Stage) => send({ type: "skip", stage: name }),
  end: ({ name }: Stage) => send({ type: "end", stage: name }),
  report: ({ name }: Stage, done: number, detail: string) =>
    send({ type: "report", stage: name, done, detail }),
};

async function run({ options, settings, lane, threads }: LaneRequest): Promise<void> {
  try {
    setThreads(threads);
    const stages = listOf(options, settings, threads).stages.filter((stage) => stage.lane === lane);
    const isFinished = await runStages(options.out, stages, { view, signal: controller.signal });
    send({ type: "finished", isFinished });
  } catch (error) {
    send({ type: "failed", error: reasonOf(error) });
  }
}

process.on("message", (message: ToLane) => {
  if (message.type === "run") void run(message.request);
  else controller.abort();
});
process.on("disconnect", () => process.exit());
