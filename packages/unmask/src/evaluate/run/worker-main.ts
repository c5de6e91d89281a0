// The process of a worker: loads its model when it is told to, runs units, and ends when its parent is gone.

import { reasonOf } from "./reason.ts";
import type { FromChild, ToChild, Worker } from "./worker.ts";
import { localWorker } from "./worker.ts";

// A terminal's Ctrl-C reaches every process; the parent says what happens.
for (const name of ["SIGINT", "SIGHUP"] as const) process.on(name, () => undefined);

const send = (message: FromChild): void => {
  process.send?.(message);
};

let worker: Worker | undefined;

process.on("message", async (message: ToChild) => {
  try {
    if (message.type === "load") {
      worker = await localWorker(message.model);
      send({ type: "ready" });
    } else {
      send({ type: "done", result: (await worker!.run(message.unit))! });
    }
  } catch (error) {
    send({ type: "failed", error: reasonOf(error) });
  }
});
process.on("disconnect", () => process.exit());
