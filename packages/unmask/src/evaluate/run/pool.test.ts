import { describe, expect, it } from "vitest";
import { UnmaskError } from "../../base/errors.ts";
import { type Done, runUnits } from "./pool.ts";
import type { UnitRequest, UnitResult } from "./unit.ts";
import { type Worker, WorkerDied } from "./worker.ts";

const units = Array.from({ length: 7 }, (_, at): UnitRequest => {
  return { kind: "choose", items: [], places: [at], options: { draws: 1, seed: 0, batchSize: 1 } };
});
const answer = (unit: UnitRequest): UnitResult => {
  return { kind: "choose", scores: [], timing: { seconds: unit.places[0]!, first_text: [] } };
};
const placeOf = ({ places }: UnitRequest): number => places[0]!;

/** Workers that do what they are told by unit: answer, die, fail, or wait for their turn. */
function staff(act: (place: number, worker: number) => UnitResult | "dies" | Error | Promise<"later">) {
  let opened = 0;
  let closed = 0;
  const open = async (): Promise<Worker> => {
    const number = opened++;
    return {
      async run(unit) {
        const done = await act(placeOf(unit), number);
        if (done === "dies") throw new WorkerDied("a worker process ended (SIGKILL)");
        if (done instanceof Error) throw done;
        return done === "later" ? answer(unit) : done;
      },
      close: async () => {
        closed++;
      },
    };
  };
  return { open, counts: () => ({ opened, closed }) };
}

async function run(workers: number, open: () => Promise<Worker>) {
  const done: Done[] = [];
  const failed = await runUnits(units, { workers, open, onDone: (one) => done.push(one) }).catch(
    (error: unknown) => error,
  );
  return { done, failed, places: done.map(({ index }) => index).sort((a, b) => a - b) };
}

describe("runUnits", () => {
  it("runs every unit once, however many workers there are", async () => {
    for (const workers of [1, 2, 20]) {
      const { open, counts } = staff((place) => answer(units[place]!));
      const { places, failed } = await run(workers, open);
      expect(places).toEqual([0, 1, 2, 3, 4, 5, 6]);
      expect(failed).toBeUndefined();
      expect(counts()).toEqual({ opened: Math.min(workers, 7), closed: Math.min(workers, 7) });
    }
  });

  it("marks the first unit of each worker, and of one that takes another's place", async () => {
    const { open } = staff((place, worker) => (place === 3 && worker === 0 ? "dies" : answer(units[place]!)));
    const { done } = await run(1, open);
    expect(done.map(({ index, first }) => [index, first])).toEqual([
      ...[
        [0, true],
        [1, false],
        [2, false],
        [3, true],
        [4, false],
        [5, false],
        [6, false],
      ],
    ]);
  });

  it("asks again what a worker died of, and gives up the second time; the others' work is kept", async () => {
    const { open, counts } = staff((place) => (place === 2 ? "dies" : answer(units[place]!)));
    const { places, failed } = await run(1, open);
    expect(places).toEqual([0, 1]);
    expect(failed).toBeInstanceOf(UnmaskError);
    expect((failed as Error).message).toContain("twice at question 2");
    expect((failed as Error).message).toContain("--resume");
    expect(counts()).toEqual({ opened: 2, closed: 2 });
  });

  it("ends with the first error after what the other workers are at", async () => {
    let release: () => void = () => undefined;
    const turn = new Promise<"later">((resolve) => {
      release = () => resolve("later");
    });
    const { open } = staff((place) => {
      if (place === 0) return turn;
      release();
      return new Error("no room");
    });
    const { places, failed } = await run(2, open);
    expect((failed as Error).message).toBe("no room");
    expect(places).toEqual([0]);
  });

  it("stops when it is told to", async () => {
    const controller = new AbortController();
    const { open } = staff((place) => {
      if (place === 1) controller.abort();
      return answer(units[place]!);
    });
    const done: number[] = [];
    await runUnits(units, {
      workers: 1,
      open,
      signal: controller.signal,
      onDone: ({ index }) => done.push(index),
    });
    expect(done).toEqual([0, 1]);
  });
});
