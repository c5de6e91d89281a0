// The flags of `unmask launch`.

import type { Command } from "commander";
import { wholeNumber } from "./options.ts";

export function addLaunch(root: Command): Command {
  return root
    .command("launch")
    .description("run a verb in several processes of this machine that work as one")
    .usage("--nproc <n> [options] -- <verb> [arguments...]")
    .argument("[verb...]", "after --: the verb and its arguments")
    .option(
      "--nproc <n>",
      "processes (required)",
      wholeNumber("--nproc", { least: 1, most: 1024, example: 2 }),
    )
    .option(
      "--master-port <p>",
      "port of the job's store (default: a free one)",
      wholeNumber("--master-port", { least: 1, most: 65_535, example: 29_500 }),
    )
    .addHelpText("after", help);
}

const help = `
Each process finds torchrun's variables: RANK, LOCAL_RANK, WORLD_SIZE,
LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT. Rank 0 talks; of the others only
errors are shown. OMP_NUM_THREADS is an equal share of the processors unless
it is set. When one process dies, the others are stopped.

Several machines: docs/distributed.md.`;
