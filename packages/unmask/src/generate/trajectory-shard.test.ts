import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { builtModule, runModule } from "../../test/built.ts";
import { decodeTrajectories } from "../trajectory/file.ts";
import type { Trajectory, TrajectoryHeader } from "../trajectory/record.ts";
import { readJournal, TrajectoryShard } from "./trajectory-shard.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-shard-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const header: TrajectoryHeader = {
  ...{ model: "m", model_hash: "a", tokenizer_hash: "b", template_hash: "", decoder: "dream" },
  ...{ options: { steps: 2 }, fidelity: "corrected", seed: 1, mask_id: 9, end_ids: [0] },
};

const trajectory = (sequence: number): Trajectory => ({
  ...{ sequence, prompt_ids: [1], token_ids: [2, 0], given: [1, 0], reveal_step: [-1, 0] },
  ...{ confidence: [Number.NaN, 0.5], entropy: [Number.NaN, 0.25], forwards: 1 },
  ...{ fed_from: [0], fed_length: [3], cached: [0], finish_reason: "stop", seconds: 0.5 },
  reward_passes: 0,
});

describe("TrajectoryShard", () => {
  it("leaves one Parquet file with what was added, and no journal", async () => {
    const path = join(root, "a.parquet");
    const shard = new TrajectoryShard(path);
    for (const sequence of [0, 1, 2]) shard.add(trajectory(sequence), header);
    expect(existsSync(path)).toBe(false);
    expect(readJournal(`${path}.journal`)).toEqual({ header, rows: [0, 1, 2].map(trajectory) });
    shard.finish();
    expect(existsSync(`${path}.journal`)).toBe(false);
    const read = await decodeTrajectories(readFileSync(path), path);
    expect(read).toEqual({ header, rows: [0, 1, 2].map(trajectory) });
  });

  it("writes nothing if nothing came", () => {
    const path = join(root, "empty.parquet");
    new TrajectoryShard(path).finish();
    expect([existsSync(path), existsSync(`${path}.journal`)]).toEqual([false, false]);
  });

  it("leaves a file of the same name alone until the new one is whole", () => {
    const path = join(root, "kept.parquet");
    writeFileSync(path, "before");
    const shard = new TrajectoryShard(path);
    shard.add(trajectory(0), header);
    expect(readFileSync(path, "utf8")).toBe("before");
    shard.finish();
    expect(readFileSync(path).subarray(0, 4).toString()).toBe("PAR1");
  });

  it("leaves a journal that can be read when the process is killed, to the last whole line", async () => {
    const path = join(root, "killed.parquet");
    const child = await runModule(
      `import { TrajectoryShard } from ${JSON.stringify(builtModule("generate/trajectory-shard.js"))};
      const shard = new TrajectoryShard(${JSON.stringify(path)});
      const one = ${JSON.stringify(trajectory(0))};
      for (let sequence = 0; ; sequence++) {
        shard.add({ ...one, sequence }, ${JSON.stringify(header)});
        console.log(sequence);
      }`,
      { onLine: (line, kill) => (Number(line) >= 5 ? kill() : undefined) },
    );
    expect(child.signal).toBe("SIGKILL");
    expect(existsSync(path)).toBe(false);
    const whole = readJournal(`${path}.journal`);
    expect(whole.header).toEqual(header);
    expect(whole.rows.length).toBeGreaterThanOrEqual(6);
    expect(whole.rows.map(({ sequence }) => sequence)).toEqual([...whole.rows.keys()]);
    expect(whole.rows[0]).toEqual(trajectory(0));
    // Whatever byte the journal ends at, the lines before are there.
    const bytes = readFileSync(`${path}.journal`);
    const ends = [...bytes.keys()].filter((i) => bytes[i] === 10);
    for (const cut of [ends[1]! + 1, ends[2]! - 1, ends[2]!, ends[3]! + 5]) {
      writeFileSync(`${path}.journal`, bytes.subarray(0, cut));
      const before = ends.filter((end) => end < cut).length - 1;
      expect(readJournal(`${path}.journal`).rows).toHaveLength(before);
    }
  });

  it("says so when the disk is full", async () => {
    const path = join(root, "full.parquet");
    const child = await runModule(
      `import { TrajectoryShard } from ${JSON.stringify(builtModule("generate/trajectory-shard.js"))};
      process.on("SIGXFSZ", () => undefined);
      const shard = new TrajectoryShard(${JSON.stringify(path)});
      try {
        for (;;) shard.add(${JSON.stringify(trajectory(0))}, ${JSON.stringify(header)});
      } catch (error) {
        console.log(error.exitCode, error.message);
      }`,
      { before: "ulimit -f 4" },
    );
    expect(child.stdout).toMatch(
      /^1 .*full\.parquet: the trajectories could not be written \(EFBIG.*\); check the folder and its free space/,
    );
    expect(readJournal(`${path}.journal`).rows.length).toBeGreaterThan(2);
  });

  it("refuses a folder that there is not, and a journal that is none", () => {
    expect(() => new TrajectoryShard(join(root, "none", "x.parquet"))).toThrow(
      /could not be written \(ENOENT/,
    );
    const path = join(root, "x.journal");
    writeFileSync(path, "");
    expect(() => readJournal(path)).toThrow(/no sequence was finished yet/);
    writeFileSync(path, "{\n");
    expect(() => readJournal(path)).toThrow(/no journal of trajectories, or damaged/);
  });
});
