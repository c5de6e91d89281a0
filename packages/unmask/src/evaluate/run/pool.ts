// Units among workers: each free worker takes the next one. What a worker finished is handed over at once; if its
// process dies, another takes its place and the unit is asked once more.

import { UnmaskError } from "../../base/errors.ts";
import type { UnitRequest, UnitResult } from "./unit.ts";
import { type Worker, WorkerDied } from "./worker.ts";

export interface Done {
  /** Index into the units. */
  readonly index: number;
  /** Number of the worker, and whether this was the first unit that it ran: its times tell of a cold start. */
  readonly worker: number;
  readonly first: boolean;
  readonly result: UnitResult;
}

export interface PoolOptions {
  readonly workers: number;
  /** Gets the worker's number. */
  readonly open: (number: number) => Promise<Worker>;
  readonly onDone: (done: Done) => void;
  readonly signal?: AbortSignal | undefined;
}

/** How often a unit may take its worker down. */
const attempts = 2;

/** Runs all units; an error of one stops the others after what they are at. */
export async function runUnits(units: readonly UnitRequest[], options: PoolOptions): Promise<void> {
  const queue = { next: 0, failed: undefined as unknown };
  const goesOn = () => queue.next < units.length && queue.failed === undefined && !options.signal?.aborted;
  const work = async (number: number): Promise<void> => {
    const seat = new Seat(options, number);
    try {
      while (goesOn()) {
        const index = queue.next++;
        const done = await seat.run(units[index]!);
        if (done === undefined) return;
        options.onDone({ index, worker: number, ...done });
      }
    } catch (error) {
      queue.failed ??= error;
    } finally {
      await seat.close();
    }
  };
  const count = Math.min(options.workers, units.length);
  await Promise.all(Array.from({ length: count }, (_, number) => work(number)));
  if (queue.failed !== undefined) throw queue.failed;
}

/** Where one worker sits, and another after it if it dies. */
class Seat {
  private readonly options: PoolOptions;
  private readonly number: number;
  private worker: Worker | undefined;
  private first = true;

  constructor(options: PoolOptions, number: number) {
    this.options = options;
    this.number = number;
  }

  /** Undefined if it was interrupted. */
  async run(unit: UnitRequest): Promise<Pick<Done, "first" | "result"> | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        this.worker ??= await this.options.open(this.number);
        const result = await this.worker.run(unit);
        const { first } = this;
        this.first = false;
        return result === undefined ? undefined : { first, result };
      } catch (error) {
        if (!(error instanceof WorkerDied)) throw error;
        if (this.options.signal?.aborted) return undefined;
        await this.close();
        if (attempt === attempts) throw tooOften(error, unit);
      }
    }
  }

  async close(): Promise<void> {
    await this.worker?.close();
    this.worker = undefined;
    this.first = true;
  }
}

function tooOften({ message }: WorkerDied, { places }: UnitRequest): UnmaskError {
  const questions = places.length === 1 ? `question ${places[0]}` : `questions ${places.join(", ")}`;
  return new UnmaskError(
    `${message} twice at ${questions}, perhaps for want of memory; what is finished is kept: lower batch_size or processes, and go on with --resume`,
    { places },
  );
}
