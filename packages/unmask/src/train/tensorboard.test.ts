import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { crc32c, record, TensorBoardFile } from "./tensorboard.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-tensorboard-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it("computes CRC-32C (RFC 3720, B.4)", () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
});

it("frames a record as TensorFlow's writer does", () => {
  // The first record of every event file: wall_time 0, file_version "brain.Event:2".
  const content = Buffer.concat([Buffer.of(9, 0, 0, 0, 0, 0, 0, 0, 0, 26, 13), Buffer.from("brain.Event:2")]);
  const framed = record(content);
  expect(framed.length).toBe(8 + 4 + content.length + 4);
  // Length 24 and its masked checksum stand at the head of every file that TensorBoard's own writer makes.
  expect(framed.subarray(0, 12).toString("hex")).toBe("1800000000000000a37f4b22");
});

/** Reads the file back: its records, and of each its fields. */
function eventsOf(path: string) {
  const bytes = readFileSync(path);
  const events: { step: number; scalars: Record<string, number>; session?: number }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    const content = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.subarray(at, at + 16 + length).equals(record(content))).toBe(true);
    at += 16 + length;
    const event: (typeof events)[number] = { step: 0, scalars: {} };
    for (const [field, value] of fieldsOf(content)) {
      if (field === 2) event.step = value as number;
      if (field === 7) event.session = new Map(fieldsOf(value as Buffer)).get(1) as number;
      if (field !== 5) continue;
      for (const [, one] of fieldsOf(value as Buffer)) {
        const parts = new Map(fieldsOf(one as Buffer));
        event.scalars[(parts.get(1) as Buffer).toString()] = (parts.get(2) as Buffer).readFloatLE(0);
      }
    }
    events.push(event);
  }
  return events;
}

function fieldsOf(bytes: Buffer): [number, number | Buffer][] {
  const fields: [number, number | Buffer][] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const kind = key & 7;
    if (kind === 0) fields.push([key >> 3, varint()]);
    else {
      const length = kind === 1 ? 8 : kind === 5 ? 4 : varint();
      fields.push([key >> 3, bytes.subarray(at, at + length)]);
      at += length;
    }
  }
  return fields;
}

it("writes losses, buckets and evaluations under their names", () => {
  const folder = join(root, "run");
  const file = new TensorBoardFile(folder, 0);
  file.append({
    ...{ type: "step", step: 300, steps: 400, loss: 1.5, smoothedLoss: 1.75, learningRate: 0.125 },
    ...{ gradientNorm: 2, tokensPerSecond: 1000, seconds: 1, secondsLeft: 1 },
    phases: [
      {
        ...{ name: "critic", updates: "critic", loss: 0.5, gradientNorm: 4, learningRate: 0.25 },
        terms: { real: 0.25 },
      },
    ],
  });
  const buckets = [
    { from: 0, to: 0.1, loss: 0.5, count: 2 },
    { from: 0.1, to: 0.2, loss: null, count: 0 },
  ];
  file.append({ type: "ratios", step: 300, buckets });
  file.append({ type: "evaluate", step: 70_000, metrics: { nelbo: 2.5 } });
  file.append({ type: "checkpoint", step: 300, folder: "x" });
  const [name] = readdirSync(folder);
  expect(name).toMatch(/^events\.out\.tfevents\.\d+\./);
  const [version, step, ratios, evaluate, ...more] = eventsOf(join(folder, name!));
  expect(more).toEqual([]);
  expect(version).toEqual({ step: 0, scalars: {} });
  expect(step!.step).toBe(300);
  expect(step!.scalars).toMatchObject({
    "train/loss": 1.5,
    "train/learning_rate": 0.125,
    "critic/loss": 0.5,
    "critic/real": 0.25,
  });
  expect(ratios!.scalars).toEqual({ "loss_by_masked_share/0.0-0.1": 0.5 });
  expect(evaluate).toEqual({ step: 70_000, scalars: { "evaluate/nelbo": 2.5 } });
});

it("begins a new run with an empty folder, and a resumed one beside the old files", () => {
  const folder = join(root, "again");
  new TensorBoardFile(folder, 0);
  writeFileSync(join(folder, "events.out.tfevents.1.old.1"), "");
  new TensorBoardFile(folder, 5);
  const [old, resumed] = readdirSync(folder).sort();
  expect(old).toBe("events.out.tfevents.1.old.1");
  // Points of step 6 and later in the old file are done again: TensorBoard drops them at a session's start.
  expect(eventsOf(join(folder, resumed!)).at(-1)).toEqual({ step: 6, scalars: {}, session: 1 });
  new TensorBoardFile(folder, 0);
  expect(readdirSync(folder)).not.toContain("events.out.tfevents.1.old.1");
});
