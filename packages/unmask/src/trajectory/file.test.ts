import { tableFromIPC } from "apache-arrow";
import { readParquet } from "parquet-wasm";
import { describe, expect, it } from "vitest";
import { DataError } from "../base/errors.ts";
import { generator } from "../base/rng.ts";
import { decodeTrajectories, encodeTrajectories } from "./file.ts";
import type { Trajectory, TrajectoryHeader } from "./record.ts";

const header: TrajectoryHeader = {
  model: "owner/model",
  model_hash: "a1",
  tokenizer_hash: "b2",
  template_hash: "",
  decoder: "multi_block",
  options: { threshold: 0.5, block_length: 32 },
  fidelity: "corrected",
  seed: 7,
  mask_id: 126_336,
  end_ids: [126_081],
};

/** A trajectory with `length` tokens and numbers without a pattern. */
function example(sequence: number, length: number): Trajectory {
  const next = generator({ seed: 5, stream: 6, sequence, step: 0 });
  const numbers = (scale: number) => Array.from({ length }, () => Math.floor(scale * next()));
  const steps = numbers(4).map((step, i) => (i === 2 ? -1 : step));
  const floats = steps.map((step) => (step < 0 ? Number.NaN : Math.fround(next())));
  return {
    sequence,
    prompt_ids: numbers(200_000).slice(0, sequence % 5),
    token_ids: numbers(200_000),
    given: steps.map((step) => (step < 0 ? 1 : 0)),
    reveal_step: steps,
    confidence: floats,
    entropy: floats.map((value) => Math.fround(2 * value)),
    forwards: 4,
    reward_passes: sequence,
    fed_from: [0, 0, 3, 3],
    fed_length: [9, 9, 4, 4],
    cached: [0, 0, 5, 5],
    finish_reason: sequence % 2 === 0 ? "stop" : "length",
    seconds: 0.125 * sequence,
  };
}

const rows = [...Array(7).keys()].map((i) => ({
  ...example(i === 6 ? 2 ** 40 + 1 : i, 3 + 11 * i),
  reward_passes: i,
}));
const bytes = encodeTrajectories(header, rows);

describe("a shard of trajectories", () => {
  it("gives back header and rows, number for number", async () => {
    expect(await decodeTrajectories(bytes, "shard")).toEqual({ header, rows });
  });

  it("may be empty", async () => {
    expect((await decodeTrajectories(encodeTrajectories(header, []), "shard")).rows).toEqual([]);
  });

  it("holds 3,000 sequences in more than one group of rows", async () => {
    const many = Array.from({ length: 3000 }, (_, i) => example(i, 5));
    expect((await decodeTrajectories(encodeTrajectories(header, many), "shard")).rows).toEqual(many);
  });

  it("is read alike by Arrow's own reader", () => {
    const table = tableFromIPC(readParquet(bytes).intoIPCStream());
    expect(table.numRows).toBe(rows.length);
    rows.forEach((expected, i) => {
      const row = table.get(i)!;
      const list = (name: keyof Trajectory) => Array.from(row[name] as ArrayLike<number>, Number);
      for (const name of ["prompt_ids", "token_ids", "given", "reveal_step"] as const) {
        expect(list(name), name).toEqual(expected[name]);
      }
      for (const name of ["confidence", "entropy", "fed_from", "fed_length", "cached"] as const) {
        expect(list(name), name).toEqual(expected[name]);
      }
      expect(Number(row.sequence)).toBe(expected.sequence);
      expect([row.forwards, row.finish_reason, row.seconds]).toEqual([
        expected.forwards,
        expected.finish_reason,
        expected.seconds,
      ]);
    });
    const stored = table.schema.metadata.get("unmask.trajectory");
    expect(JSON.parse(stored!)).toEqual({ version: 1, ...header });
  });
});

describe("a file that is no shard", () => {
  const refused = async (damaged: Uint8Array): Promise<string> => {
    const error = await decodeTrajectories(damaged, "some.parquet").then(
      () => expect.fail("it was read"),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(DataError);
    return (error as Error).message;
  };

  it("says what it is", async () => {
    const foreign = /^some\.parquet: no trajectories that unmask wrote/;
    expect(await refused(new Uint8Array())).toMatch(foreign);
    expect(await refused(new TextEncoder().encode("a,b,c\n1,2,3\n"))).toMatch(foreign);
    expect(await refused(bytes.slice(0, bytes.length - 100))).toMatch(foreign);
    const damaged = bytes.slice();
    damaged[1000]!++;
    expect(await refused(damaged)).toMatch(/damaged, its checksum is wrong/);
  });

  it("is refused whatever byte is damaged", async () => {
    const next = generator({ seed: 1, stream: 6, sequence: 0, step: 0 });
    for (let i = 0; i < 500; i++) {
      const damaged = bytes.slice();
      damaged[Math.floor(next() * damaged.length)]! ^= 1 + Math.floor(255 * next());
      await refused(damaged);
    }
  });
});

describe("what a shard may hold besides", () => {
  const proposals = {
    ...{ length: 16, count: [2, 0, 1, 0], column: [0, 15, 3], token: [5, 6, 7], committed: [1, 0, 1] },
    confidence: [0.5, 0.25, 0.125],
    entropy: [1.5, 2, 0.75],
    probability: [0.5, 0.375, 1],
  };
  const texts = { between: "", texts: { 5: "a", 6: [240, 159], 7: "</script>" } };

  it("is what was proposed, for some sequences or all, and the texts of the tokens", async () => {
    const mixed = [{ ...rows[1]!, proposals }, rows[2]!];
    const read = await decodeTrajectories(encodeTrajectories(header, mixed, texts), "shard");
    expect(read).toEqual({ header, rows: mixed, texts });
  });

  it("costs nothing where there is none", async () => {
    expect(encodeTrajectories(header, rows)).toEqual(bytes);
    expect("texts" in (await decodeTrajectories(bytes, "shard"))).toBe(false);
  });

  it("is refused where it does not fit the forwards", async () => {
    const wrong = [{ ...rows[1]!, proposals: { ...proposals, token: [5, 6] } }];
    await expect(decodeTrajectories(encodeTrajectories(header, wrong), "shard")).rejects.toThrow(
      "shard, row 0: the proposals do not fit the forwards",
    );
  });
});
