// Starts that cannot work, told as one sentence each. The ranks are calls in this process: they meet in a real store.

import { createServer } from "node:net";
import { expect, test } from "vitest";
import { freePort } from "../../test/ranks.ts";
import { DistributedError } from "../core/errors.ts";
import type { Environment } from "./environment.ts";
import { initDistributed } from "./join.ts";
import { Store } from "./store.ts";
import { soloWorld } from "./world.ts";

interface Place {
  rank: number;
  size: number;
  port: number;
}
const environmentOf = ({ rank, size, port }: Place): Environment => ({
  RANK: String(rank),
  LOCAL_RANK: "0",
  WORLD_SIZE: String(size),
  MASTER_ADDR: "127.0.0.1",
  MASTER_PORT: String(port),
});

/** The error that each rank's start ends with. */
function refusals(ranks: readonly { rank: number; size: number }[], port: number, joinTimeout = 20) {
  return Promise.all(
    ranks.map(async (place) => {
      const environment = environmentOf({ ...place, port });
      const outcome = await initDistributed({ environment, joinTimeout }).catch((error) => error);
      expect(outcome).toBeInstanceOf(DistributedError);
      return outcome as DistributedError;
    }),
  );
}

test("no variables, or a world of one, need no store", async () => {
  expect(await initDistributed({ environment: {} })).toBe(soloWorld);
  expect(await initDistributed({ environment: environmentOf({ rank: 0, size: 1, port: 1 }) })).toBe(
    soloWorld,
  );
});

test("a variable that is missing", async () => {
  const environment = { ...environmentOf({ rank: 0, size: 2, port: 1 }), MASTER_PORT: "" };
  await expect(initDistributed({ environment })).rejects.toThrow("are set but MASTER_PORT is not");
});

test("a port in use", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, () => resolve()));
  const { port } = server.address() as { port: number };
  const [error] = await refusals([{ rank: 0, size: 2 }], port);
  server.close();
  expect(error!.message).toMatch(
    new RegExp(`^port ${port} is in use on \\S+, where rank 0 keeps the job's store`),
  );
  expect(error!.wrongUse).toBe(true);
});

test("nobody keeps the store", async () => {
  const port = await freePort();
  const [error] = await refusals([{ rank: 1, size: 2 }], port, 0.2);
  expect(error!.message).toBe(
    `rank 1 found no store at 127.0.0.1:${port} in time (ECONNREFUSED); rank 0 keeps it there: see that it was started, and that MASTER_ADDR and MASTER_PORT are its address`,
  );
});

test("different world sizes", async () => {
  const ranks = [0, 1, 2].map((rank) => ({ rank, size: rank === 1 ? 4 : 3 }));
  for (const { message, wrongUse } of await refusals(ranks, await freePort())) {
    expect(message).toMatch(
      /^rank \d .* was started with WORLD_SIZE \d and rank \d .* with \d; all ranks need the same$/,
    );
    expect(wrongUse).toBe(true);
  }
});

test("one rank given twice", async () => {
  const ranks = [0, 1, 1].map((rank) => ({ rank, size: 3 }));
  for (const { message, rank } of await refusals(ranks, await freePort())) {
    expect(message).toMatch(/^two processes were started as rank 1, the second as process \d+ on \S+;/);
    expect(rank).toBe(1);
  }
});

test("ranks that do not come", async () => {
  const ranks = [0, 1].map((rank) => ({ rank, size: 4 }));
  for (const { message, rank } of await refusals(ranks, await freePort(), 1)) {
    expect(message).toMatch(
      /^ranks 2, 3 of 4 did not come in time; see that they were started with the same/,
    );
    expect(rank).toBe(2);
  }
});

test("the store keeps texts and counters, and waits", async () => {
  const address = { host: "127.0.0.1", port: await freePort(), timeout: 5000 };
  const keeper = await Store.open({ ...address, server: true, prefix: "a" });
  const client = await Store.open({ ...address, server: false, prefix: "a" });
  const elsewhere = await Store.open({ ...address, server: false, prefix: "b" });
  const waiting = client.wait("later", 5000);
  expect(await keeper.get("text")).toBeUndefined();
  await keeper.set("text", "größer \n als 0");
  expect(await client.get("text")).toBe("größer \n als 0");
  expect(await elsewhere.get("text")).toBeUndefined();
  expect([await keeper.add("count", 5), await client.add("count", -2), await client.add("count", 0)]).toEqual(
    [5, 3, 3],
  );
  await keeper.set("later", "now");
  expect(await waiting).toBe("now");
  expect(await client.wait("never", 5)).toBeUndefined();
  expect([await client.delete("text"), await keeper.delete("text")]).toEqual([true, false]);
  for (const one of [elsewhere, client, keeper]) await one.close();
  await expect(client.get("text")).rejects.toThrow("the store has been closed");
});
