import { describe, expect, it } from "vitest";
import { rankResults } from "../../test/ranks.ts";
import { tensor, toNumbers } from "../core/create.ts";
import { soloWorld } from "./world.ts";

describe.each([2, 3])("collectives of %i processes", (size) => {
  const sum = (of: (rank: number) => number): number =>
    Array.from({ length: size }, (_, rank) => of(rank)).reduce((a, b) => a + b, 0);

  it("do what arithmetic says, for every dtype", async () => {
    const results = await rankResults(
      size,
      `
      const world = await torch.initDistributed(options);
      const { rank } = world;
      const of = (values, dtype) => torch.tensor(values, undefined, { dtype });
      const values = [rank + 1, 10 * rank, -rank];
      const dtypes = ["float32", "float64", "bfloat16", "float16", "int32", "int64"];
      const sums = dtypes.map((dtype) => of(values, dtype));
      await world.allReduce(sums);
      const largest = dtypes.map((dtype) => of(values, dtype));
      await world.allReduce(largest, "max");
      const turned = torch.transpose(of([[rank, 1], [2, 3]], "float32"), 0, 1);
      await world.allReduce([turned]);
      // Many dtypes at once, a large one, an empty one, one without dimensions.
      const sent = ["float32", "bfloat16", "bool", "int64", "uint8"].map((dtype) => of(values.map((x) => Math.abs(x) % 2), dtype));
      const copies = [...sent, of(rank, "float64"), torch.zeros([0, 3]), torch.full([1000, 7000], torch.float(rank))];
      await world.broadcast(copies, world.size - 1);
      const gathered = await world.allGather(of([[rank], [rank * rank]], "bfloat16"));
      await world.barrier();
      const numbers = await world.allReduceNumbers({ loss: 1 / (rank + 1), tokens: 2 ** 40 + rank });
      const list = await world.allReduceNumbers([rank, -rank], "max");
      await world.close();
      report({
        who: [world.rank, world.size, world.localRank, world.backend],
        sums: sums.map(torch.toNumbers), largest: largest.map(torch.toNumbers), turned: torch.toNested(turned),
        copies: copies.slice(0, -1).map(torch.toNumbers), large: [torch.item(torch.amin(copies.at(-1))), torch.item(torch.amax(copies.at(-1)))],
        gathered: gathered.map(torch.toNested), numbers, list,
      });
      `,
    );
    const last = size - 1;
    const values = [last + 1, 10 * last, -last].map((x) => Math.abs(x) % 2);
    const total = [sum((r) => r + 1), sum((r) => 10 * r), sum((r) => -r)];
    results.forEach((result, rank) => {
      expect(result).toEqual({
        who: [rank, size, rank, "gloo"],
        sums: Array(6).fill(total),
        largest: Array(6).fill([size, 10 * last, 0]),
        turned: [
          [sum((r) => r), 2 * size],
          [size, 3 * size],
        ],
        copies: [values, values, values, values, values, [last], []],
        large: [last, last],
        gathered: Array.from({ length: size }, (_, r) => [[r], [r * r]]),
        numbers: { loss: sum((r) => 1 / (r + 1)), tokens: sum((r) => 2 ** 40 + r) },
        list: [last, 0],
      });
    });
  });
});

describe("soloWorld", () => {
  it("leaves everything as it is", async () => {
    using one = tensor([1, 2]);
    await soloWorld.allReduce([one]);
    await soloWorld.broadcast([one]);
    expect(toNumbers(one)).toEqual([1, 2]);
    expect(await soloWorld.allGather(one)).toEqual([one]);
    expect(await soloWorld.allReduceNumbers({ a: 1 })).toEqual({ a: 1 });
    await soloWorld.barrier();
    await soloWorld.close();
  });
});
