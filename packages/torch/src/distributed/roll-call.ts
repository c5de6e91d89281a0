// Before the ranks connect, each writes into the store who it is and reads who the others are. What does not fit is
// written there too, so that all ranks end with the same sentence.

import { hostname } from "node:os";
import { DistributedError } from "../core/errors.ts";
import type { Placement } from "./environment.ts";
import type { Store } from "./store.ts";

interface Entry {
  readonly size: number;
  readonly process: number;
  readonly host: string;
}

export interface RollCall {
  /** Of performance.now(). */
  deadline: number;
  keepsStore: boolean;
}

const nameOf = (rank: number, entry: Entry): string =>
  `rank ${rank} (process ${entry.process} on ${entry.host})`;

/** The names of all ranks, once every one has come. */
export async function callRoll(store: Store, placement: Placement, options: RollCall): Promise<string[]> {
  try {
    return await enter(store, placement, options.deadline);
  } catch (error) {
    if (!(error instanceof DistributedError)) throw error;
    if ((await store.get("refusal")) === undefined)
      await store.set("refusal", JSON.stringify({ message: error.message, rank: error.rank }));
    const told = await store.add("told", 1);
    // The store ends with this process: those who have come must be able to read the refusal.
    const all = async () => ((await store.add("told", 0)) >= (await store.add("come", 0)) ? told : undefined);
    if (options.keepsStore) await store.until(2000, all);
    await store.close();
    throw error;
  }
}

async function enter(store: Store, { rank, size }: Placement, deadline: number): Promise<string[]> {
  const own: Entry = { size, process: process.pid, host: hostname() };
  await store.add("come", 1);
  if ((await store.add(`places/${rank}`, 1)) > 1) {
    throw refusal(
      `two processes were started as rank ${rank}, the second as process ${own.process} on ${own.host}; each needs its own RANK`,
      rank,
    );
  }
  await store.set(`roll/${rank}`, JSON.stringify(own));
  const names: string[] = [];
  for (let other = 0; other < size; other++) {
    const text = await store.until(deadline - performance.now(), async () => {
      await heedRefusal(store);
      return store.get(`roll/${other}`);
    });
    if (text === undefined) throw await absence(store, size);
    const entry = JSON.parse(text) as Entry;
    names.push(nameOf(other, entry));
    if (entry.size !== size) {
      throw refusal(
        `${names[other]} was started with WORLD_SIZE ${entry.size} and ${nameOf(rank, own)} with ${size}; all ranks need the same`,
        other,
      );
    }
  }
  return names;
}

async function heedRefusal(store: Store): Promise<void> {
  const text = await store.get("refusal");
  if (text === undefined) return;
  const { message, rank } = JSON.parse(text) as { message: string; rank?: number };
  throw refusal(message, rank);
}

async function absence(store: Store, size: number): Promise<DistributedError> {
  const missing: number[] = [];
  for (let rank = 0; rank < size; rank++)
    if ((await store.get(`roll/${rank}`)) === undefined) missing.push(rank);
  const who = missing.length === 1 ? `rank ${missing[0]}` : `ranks ${missing.join(", ")}`;
  return new DistributedError(
    `${who} of ${size} did not come in time; see that they were started with the same WORLD_SIZE, MASTER_ADDR and MASTER_PORT`,
    { rank: missing[0] },
  );
}

const refusal = (message: string, rank: number | undefined): DistributedError =>
  new DistributedError(message, { rank, wrongUse: true });
