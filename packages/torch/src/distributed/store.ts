// The key-value store that rank 0 keeps for the job (c10d's TCPStore), with waits that ask again instead of blocking a
// connection.

import { setTimeout as pause } from "node:timers/promises";
import {
  closeStore,
  openStore,
  type StoreAddress,
  storeAdd,
  storeDelete,
  storeGet,
  storeSet,
} from "../core/collectives.ts";

export class Store {
  /** Package-internal: the addon's number of the connection. */
  readonly id: number;

  private constructor(id: number) {
    this.id = id;
  }

  static async open(address: StoreAddress): Promise<Store> {
    return new Store(await openStore(address));
  }

  set(key: string, text: string): Promise<void> {
    return storeSet(this.id, key, text);
  }

  /** Undefined if nobody has set it. */
  get(key: string): Promise<string | undefined> {
    return storeGet(this.id, key);
  }

  /** Adds to a counter, which begins at 0; returns the new count. */
  add(key: string, change: number): Promise<number> {
    return storeAdd(this.id, key, change);
  }

  /** Whether there was something to delete. */
  delete(key: string): Promise<boolean> {
    return storeDelete(this.id, key);
  }

  /** Asks until `answer` gives something; undefined when `milliseconds` have passed. */
  async until<Answer>(
    milliseconds: number,
    answer: () => Promise<Answer | undefined>,
  ): Promise<Answer | undefined> {
    const deadline = performance.now() + milliseconds;
    for (let wait = 1; ; wait = Math.min(2 * wait, 50)) {
      const given = await answer();
      if (given !== undefined || performance.now() >= deadline) return given;
      await pause(wait);
    }
  }

  /** The text under a key once somebody sets it; undefined when `milliseconds` have passed. */
  wait(key: string, milliseconds: number): Promise<string | undefined> {
    return this.until(milliseconds, () => this.get(key));
  }

  close(): Promise<void> {
    return closeStore(this.id);
  }
}
