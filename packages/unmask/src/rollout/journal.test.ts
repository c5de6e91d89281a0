import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { decodeTrajectories } from "../trajectory/file.ts";
import type { Trajectory, TrajectoryHeader } from "../trajectory/record.ts";
import { Journal, type JournalLine, readCounts } from "./journal.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-journal-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const header: TrajectoryHeader = {
  ...{ model: "m", model_hash: "a", tokenizer_hash: "b", template_hash: "", decoder: "low_confidence" },
  ...{ options: { temperature: 0 }, fidelity: "corrected", seed: 1, mask_id: 9, end_ids: [2] },
};
const trajectory = (sequence: number): Trajectory => ({
  ...{ sequence, prompt_ids: [5, 6], token_ids: [7, 2], given: [0, 0], reveal_step: [0, -1] },
  ...{ confidence: [0.5, Number.NaN], entropy: [0.25, Number.NaN], forwards: 1, reward_passes: 0 },
  ...{ fed_from: [0], fed_length: [4], cached: [0], finish_reason: "stop", seconds: 0.5 },
});
const kept = (answer: number): JournalLine => ({
  answer,
  attempts: 2,
  rejected: ["wrong"],
  trajectory: trajectory(answer),
});
const dropped = (answer: number): JournalLine => ({ answer, attempts: 2, rejected: ["unended", "wrong"] });

describe("a journal", () => {
  it("becomes a shard in the order of the answers, and says what became of the others", async () => {
    const path = join(root, "shard-00000.parquet");
    const journal = new Journal(path);
    for (const line of [kept(4), dropped(3), kept(2)]) journal.add(line, header);
    expect(existsSync(path)).toBe(false);
    journal.finish();
    expect(existsSync(`${path}.journal`)).toBe(false);
    const file = await decodeTrajectories(readFileSync(path), path);
    expect(file.header).toMatchObject(header);
    expect(file.rows.map(({ sequence }) => sequence)).toEqual([2, 4]);
    expect(readCounts([path])).toEqual({
      ...{ answers: 3, kept: 2, lost: 0, forwards: 2, tokens: 4 },
      rejected: { unended: 1, short: 0, long: 0, wrong: 3, no_gold: 0 },
    });
  });

  it("is replayed after a kill, a line that was cut off is lost and counted", async () => {
    const path = join(root, "shard-00001.parquet");
    const before = new Journal(path);
    before.add(kept(0), header);
    before.add(dropped(1), header);
    appendFileSync(`${path}.journal`, JSON.stringify(kept(2)).slice(0, 40));
    const after = new Journal(path);
    expect(after.lost).toBe(1);
    expect(after.lines).toEqual([kept(0), dropped(1)]);
    after.add(kept(2), header);
    after.finish();
    expect(readCounts([path])).toMatchObject({ answers: 3, kept: 2, lost: 1 });
    expect((await decodeTrajectories(readFileSync(path), path)).rows[0]!.confidence[1]).toBeNaN();
  });

  it("with a damaged line is refused by name", () => {
    const path = join(root, "shard-00002.parquet");
    writeFileSync(`${path}.journal`, '{"header":{}}\nnonsense\n');
    expect(() => new Journal(path)).toThrow(`${path}.journal: a line is damaged; remove the file`);
  });
});
