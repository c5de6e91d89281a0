import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { UnmaskError } from "../base/errors.ts";
import { defaultsFor, refuseOccupied, refuseUnwritable, resolveTraining, summary } from "./train.ts";

const folder = mkdtempSync(join(tmpdir(), "unmask-train-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const book = file("book.txt", "a text\n");

describe("resolveTraining", () => {
  it("takes --data over the built-in defaults, and flags over both", () => {
    const { config } = resolveTraining(["train.batch_size=8"], {
      data: book,
      steps: 10,
      seed: 3,
      out: "runs/x",
    });
    expect(config).toMatchObject({ seed: 3, out: "runs/x", data: { path: book } });
    expect(config.train).toMatchObject({ steps: 10, batch_size: 8 });
  });

  it("takes a file, changes it by flags, and says so", () => {
    const yaml = file("run.yaml", `data: { path: ${book} }\ntrain: { steps: 50 }\nout: runs/y\n`);
    const { config, changes } = resolveTraining([yaml, "seed=2"], { steps: 60 });
    expect(config).toMatchObject({ out: "runs/y", seed: 2, train: { steps: 60 } });
    expect(changes).toEqual(["train.steps: 50 -> 60", "seed: 0 -> 2"]);
  });

  it("refuses two files, and nothing at all", () => {
    expect(() => resolveTraining(["a.yaml", "b.yaml"], {})).toThrow(
      "two configuration files, a.yaml and b.yaml",
    );
    expect(() => resolveTraining([], {})).toThrow("nothing to train on; give --data FILE");
    expect(() => resolveTraining(["train.steps=3"], {})).toThrow("nothing to train on");
  });

  it("resumes with the run's own configuration, wherever the folder lies now", () => {
    const out = join(folder, "moved");
    mkdirSync(out);
    writeFileSync(
      join(out, "config.yaml"),
      `data: { path: ${book} }\ntrain: { steps: 70 }\nout: runs/elsewhere\n`,
    );
    const { config, changes } = resolveTraining(["train.steps=90"], { resume: true, out });
    expect(config).toMatchObject({ out, train: { steps: 90 }, data: { path: book } });
    expect(changes).toContain("train.steps: 70 -> 90");
  });

  it("says what is missing when there is no run to resume", () => {
    const out = join(folder, "none");
    expect(() => resolveTraining([], { resume: true, out })).toThrow(`--resume: ${out} holds no config.yaml`);
  });
});

describe("defaultsFor", () => {
  it("suits the file, and leaves a missing one to the reader", () => {
    expect(defaultsFor(book)).toMatchObject({ train: { steps: 2000 } });
    expect(defaultsFor(join(folder, "none.jsonl"))).toMatchObject({ data: { layout: "pad" } });
  });
});

describe("refuseOccupied", () => {
  it("accepts new and empty folders, and what a run left that never saved", () => {
    const empty = join(folder, "empty");
    refuseOccupied(empty);
    mkdirSync(join(empty, "checkpoints"), { recursive: true });
    writeFileSync(join(empty, "config.yaml"), "");
    writeFileSync(join(empty, "metrics.jsonl"), "");
    mkdirSync(join(empty, "tensorboard"));
    refuseOccupied(empty);
  });

  it.each(["checkpoints/step-5", "model", "somebody's thesis"])(
    "refuses a folder with %s in it",
    (content) => {
      const occupied = mkdtempSync(join(folder, "occupied-"));
      mkdirSync(join(occupied, content), { recursive: true });
      expect(() => refuseOccupied(occupied)).toThrow(UnmaskError);
      expect(() => refuseOccupied(occupied)).toThrow(/--resume.*--out/);
    },
  );

  it("refuses a file", () => {
    expect(() => refuseOccupied(book)).toThrow("is a file");
  });
});

describe("refuseUnwritable", () => {
  it("leaves nothing behind where it can write", () => {
    refuseUnwritable(join(folder, "new", "deep"));
    refuseUnwritable(folder);
    expect(existsSync(join(folder, "new"))).toBe(false);
  });

  it("refuses a path below a file", () => {
    expect(() => refuseUnwritable(join(book, "run"))).toThrow("cannot be written (ENOTDIR)");
  });

  it.runIf(existsSync("/proc/self"))("refuses where no folder can be made", () => {
    expect(() => refuseUnwritable("/proc/unmask/run")).toThrow(/cannot be written .*--out/);
  });
});

describe("summary", () => {
  const { config } = resolveTraining([], { data: book, out: "runs/my run" });
  const metrics = { nelbo: 1.23456, nats_per_byte: 0.4 };

  it("says how good the model is and how to use it", () => {
    const text = summary(config, { interrupted: false, step: 10, seconds: 62, metrics });
    expect(text).toContain("10 steps in 1m 2s, held-out NELBO 1.235 nats a token (0.400 a byte)");
    expect(text).toContain("unmask generate --model 'runs/my run'");
  });

  it("says how an interrupted run goes on", () => {
    const text = summary(config, { interrupted: true, step: 10, seconds: 62, metrics: undefined });
    expect(text).toBe("Stopped at step 10 and saved. Go on with: unmask train --resume --out 'runs/my run'");
  });
});
