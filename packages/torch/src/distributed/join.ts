// How a process finds the others: torchrun's variables, rank 0's store, and a roll call in which every rank says who it
// is, so that what is missing or contradictory can be named.

import { createConnection, createServer } from "node:net";
import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { distributedFacts, joinWorld } from "../core/collectives.ts";
import { DistributedError } from "../core/errors.ts";
import { buildInfo } from "../core/system.ts";
import { type Environment, type Placement, placementOf } from "./environment.ts";
import { NativeWorld } from "./native-world.ts";
import { callRoll } from "./roll-call.ts";
import { Store } from "./store.ts";
import { soloWorld, type World } from "./world.ts";

export interface DistributedOptions {
  /** Instead of process.env. */
  environment?: Environment | undefined;
  /** Seconds to wait for all ranks to come (300). */
  joinTimeout?: number | undefined;
  /** Seconds without a sign of life after which a rank is given up (30). */
  heartbeatTimeout?: number | undefined;
  /** Seconds that one collective may take (1800): the slowest rank's evaluation or checkpoint must fit in. */
  timeout?: number | undefined;
}

/** Joins the job that the environment describes; a process on its own gets the world of one. */
export async function initDistributed(options: DistributedOptions = {}): Promise<World> {
  const environment = options.environment ?? process.env;
  const placement = placementOf(environment);
  if (placement === undefined || placement.size === 1) return soloWorld;
  if (!distributedFacts().gloo) {
    throw new DistributedError(
      "this libtorch was built without torch.distributed (Gloo); several processes need it",
      {
        wrongUse: true,
      },
    );
  }
  const patience = 1000 * (options.joinTimeout ?? 300);
  const heartbeat = 1000 * (options.heartbeatTimeout ?? 30);
  // torchrun's agent keeps a store of its own at that address, which outlives the ranks.
  const keepsStore = placement.rank === 0 && environment.TORCHELASTIC_USE_AGENT_STORE !== "True";
  const storeRank = environment.TORCHELASTIC_USE_AGENT_STORE === "True" ? -1 : 0;
  const deadline = performance.now() + patience;
  if (keepsStore) await refuseOccupiedPort(placement.port);
  else await reach(placement, deadline);
  const address = {
    host: placement.host,
    port: placement.port,
    timeout: patience,
    prefix: `unmask/${environment.TORCHELASTIC_RESTART_COUNT ?? 0}`,
  };
  const store = await Store.open({ ...address, server: keepsStore });
  const names = await callRoll(store, placement, { deadline, keepsStore });
  const beats = await Store.open({ ...address, server: false });
  const nccl = distributedFacts().nccl && buildInfo().cudaDevices > 0;
  await joinWorld({
    store: store.id,
    beats: beats.id,
    rank: placement.rank,
    size: placement.size,
    names,
    storeRank,
    storeAddress: `${placement.host}:${placement.port}`,
    interval: Math.min(1000, heartbeat / 10),
    heartbeat,
    timeout: 1000 * (options.timeout ?? 1800),
    interface: environment.GLOO_SOCKET_IFNAME ?? "",
    address: await reach(placement, deadline),
    nccl,
  });
  return new NativeWorld({
    placement,
    backend: nccl ? "nccl" : "gloo",
    name: names[placement.rank]!,
    store,
    beats,
    keepsStore,
    patience: heartbeat,
  });
}

async function refuseOccupiedPort(port: number): Promise<void> {
  const server = createServer();
  const problem = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    server.once("error", resolve);
    server.listen({ port }, () => server.close(() => resolve(undefined)));
  });
  if (problem === undefined) return;
  const reason = problem.code === "EADDRINUSE" ? "is in use" : `cannot be listened on (${problem.code})`;
  throw new DistributedError(
    `port ${port} ${reason} on ${hostname()}, where rank 0 keeps the job's store; choose a free one with MASTER_PORT (unmask launch --master-port)`,
    { rank: 0, wrongUse: true },
  );
}

/**
 * Returns once somebody listens at the store's address: this machine's own address on the way there, at which the other
 * ranks reach it too. (Its host name often leads to 127.0.1.1.)
 */
async function reach({ rank, host, port }: Placement, deadline: number): Promise<string> {
  for (let wait = 10; ; wait = Math.min(2 * wait, 500)) {
    const found = await new Promise<NodeJS.ErrnoException | string>((resolve) => {
      const socket = createConnection({ host, port }, () => {
        resolve(socket.localAddress ?? "");
        socket.destroy();
      });
      socket.setTimeout(Math.max(1, deadline - performance.now()), () =>
        socket.destroy(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" })),
      );
      socket.once("error", resolve);
    });
    if (typeof found === "string") return found;
    if (performance.now() >= deadline) {
      throw new DistributedError(
        `rank ${rank} found no store at ${host}:${port} in time (${found.code ?? found.message}); rank 0 keeps it there: see that it was started, and that MASTER_ADDR and MASTER_PORT are its address`,
        { rank: 0 },
      );
    }
    await pause(wait);
  }
}
