// Ranks that die, hang or fail: the others end within seconds, with a sentence that names the rank.

import { describe, expect, it } from "vitest";
import { type Ended, type RankOptions, runRanks } from "../../test/ranks.ts";

/** Joins, then sums numbers for ever; what goes wrong is reported as one line and ends the process. */
const loop = (rankOne: string) => `
const name = (error) => ({ name: error.name, message: error.message, rank: error.rank });
try {
  const world = await torch.initDistributed(options);
  if (world.rank === 1) { ${rankOne} }
  for (;;) await world.allReduceNumbers([1]);
} catch (error) {
  report(name(error));
  process.exitCode = 1;
}`;

const lastLine = ({ stdout }: Ended) => JSON.parse(stdout.trim().split("\n").at(-1) || "null");

/** Runs 3 ranks, of which rank 1 goes wrong; the reports of 0 and 2. */
async function others(rankOne: string, options: RankOptions = {}) {
  const ends = await runRanks(3, loop(rankOne), options);
  for (const rank of [0, 2]) expect(ends[rank], `rank ${rank}`).toMatchObject({ status: 1, signal: null });
  return { reports: [lastLine(ends[0]!), lastLine(ends[2]!)], one: ends[1]! };
}

const process1 = /rank 1 \(process \d+ on \S+\)/.source;

describe("a rank of three", { timeout: 120_000 }, () => {
  it("that is killed", async () => {
    const { reports, one } = await others(`process.kill(process.pid, "SIGKILL");`);
    expect(one.signal).toBe("SIGKILL");
    for (const report of reports) {
      expect(report).toMatchObject({ name: "DistributedError", rank: 1 });
      expect(report.message).toMatch(new RegExp(`^${process1} has shown no sign of life for 3 s$`));
    }
  });

  it("that vanishes with its connections open, as a machine does that loses its network", async () => {
    let ended = 0;
    const { reports } = await others(`report("here");`, {
      onLine: (rank, line, processes) => {
        if (rank === 1 && line === '"here"') processes[1]!.kill("SIGSTOP");
        if (rank !== 1 && line.includes("sign of life") && ++ended === 2) processes[1]!.kill("SIGKILL");
      },
    });
    for (const report of reports)
      expect(report.message).toMatch(new RegExp(`^${process1} has shown no sign of life`));
  });

  it("that throws", async () => {
    const { reports, one } = await others(
      `process.once("uncaughtException", () => process.exit(7)); setImmediate(() => { throw new Error("boom"); });`,
    );
    expect(one.status).toBe(7);
    for (const report of reports) {
      expect(report.message).toMatch(
        new RegExp(`^${process1} ended with exit code 7 before the job was done$`),
      );
      expect(report.rank).toBe(1);
    }
  });

  it("that says why it fails", async () => {
    const { reports } = await others(`await world.fail("the disk is full"); process.exit(1);`);
    for (const report of reports)
      expect(report.message).toMatch(new RegExp(`^${process1} failed: the disk is full$`));
  });

  it("that lives and does not take part: it too is ended", async () => {
    const { reports, one } = await others("setInterval(() => {}, 1000); await new Promise(() => {});", {
      environment: () => ({ TEST_TIMEOUT: "2" }),
    });
    for (const report of reports) {
      expect(report.message).toMatch(new RegExp(`^${process1} did not take part in an all-reduce in time`));
    }
    expect(one.status).toBe(1);
    expect(one.stderr).toMatch(new RegExp(`error: ${process1} did not take part`));
  });

  const withoutStore =
    /rank 0 \(process \d+ on \S+\), which keeps the store at 127\.0\.0\.1:\d+, cannot be reached any more$/;
  /** Rank 0 is killed once it has joined; `before` is what it does until then. */
  const killed = (before: string) =>
    runRanks(
      3,
      loop("").replace(
        "world.rank === 1) {",
        `world.rank === 0) { ${before} process.kill(process.pid, "SIGKILL");`,
      ),
    );

  it("that kept the store", async () => {
    const ends = await killed("await world.allReduceNumbers([1]);");
    expect(ends[0]!.signal).toBe("SIGKILL");
    for (const rank of [1, 2]) expect(lastLine(ends[rank]!).message).toMatch(withoutStore);
  });

  // A rank that still connects waits where nothing can be thrown: it ends hard after the heartbeat's timeout.
  it("that kept the store, while the others may still be joining", async () => {
    const ends = await killed("");
    expect(ends[0]!.signal).toBe("SIGKILL");
    for (const rank of [1, 2]) {
      const { status, stdout, stderr } = ends[rank]!;
      expect(status).toBe(1);
      expect(stdout ? lastLine(ends[rank]!).message : stderr.trim()).toMatch(withoutStore);
    }
  });
});
