// Event files that TensorBoard reads: records of protocol buffers, each framed by its length and two checksums.
//
//   record    uint64 length · masked CRC-32C of it · bytes · masked CRC-32C of the bytes      (TFRecord)
//   Event     1 wall_time double · 2 step int64 · 3 file_version string · 5 summary · 7 session_log { 1 status }
//   Summary   1 value { 1 tag string · 2 simple_value float }
//
// A resumed run begins its file with a session that starts (status 1): TensorBoard then forgets what earlier files say of
// that step and later ones, which are done again.
//
// Sources: tensorflow/core/util/event.proto, framework/summary.proto, lib/io/record_writer.h. Written here because the
// npm packages that write them bring all of TensorFlow.

import { appendFileSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { TrainEvent } from "./events.ts";

/** One file a process, as TensorBoard expects. */
export class TensorBoardFile {
  private readonly path: string;

  constructor(folder: string, fromStep: number) {
    mkdirSync(folder, { recursive: true });
    if (fromStep === 0) for (const name of readdirSync(folder)) rmSync(join(folder, name));
    const seconds = Math.floor(Date.now() / 1000);
    this.path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}`);
    this.write(0, field(3, Buffer.from("brain.Event:2")));
    if (fromStep > 0) this.write(fromStep + 1, field(7, varintField(1, 1)));
  }

  append(event: TrainEvent): void {
    const values = scalars(event);
    if (values.length === 0 || !("step" in event)) return;
    const summary = values.map(([tag, value]) =>
      field(1, Buffer.concat([field(1, Buffer.from(tag)), float(2, value)])),
    );
    this.write(event.step, field(5, Buffer.concat(summary)));
  }

  private write(step: number, content: Buffer): void {
    const time = double(1, Date.now() / 1000);
    appendFileSync(this.path, record(Buffer.concat([time, varintField(2, step), content])));
  }
}

/** Names as TensorBoard groups them: what stands before the slash is a section. */
export function scalars(event: TrainEvent): [string, number][] {
  switch (event.type) {
    case "step":
      return [
        ["train/loss", event.loss],
        ["train/loss_smoothed", event.smoothedLoss],
        ["train/learning_rate", event.learningRate],
        ["train/gradient_norm", event.gradientNorm],
        ["speed/tokens_per_second", event.tokensPerSecond],
        ...(event.phases ?? []).flatMap(({ name, loss, terms, gradientNorm }): [string, number][] => [
          [`${name}/loss`, loss],
          [`${name}/gradient_norm`, gradientNorm],
          ...Object.entries(terms).map(([term, value]): [string, number] => [`${name}/${term}`, value]),
        ]),
      ];
    case "ratios":
      return event.buckets.flatMap(({ from, to, loss }): [string, number][] =>
        loss === null ? [] : [[`loss_by_masked_share/${from.toFixed(1)}-${to.toFixed(1)}`, loss]],
      );
    case "evaluate":
      return Object.entries(event.metrics).map(([name, value]) => [`evaluate/${name}`, value]);
    default:
      return [];
  }
}

export function record(content: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(content.length));
  return Buffer.concat([length, checksum(length), content, checksum(content)]);
}

/** CRC-32C, rotated and shifted so that a checksum of checksums is no weak one. */
function checksum(content: Buffer): Buffer {
  const crc = crc32c(content);
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(masked);
  return bytes;
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

/** Castagnoli's polynomial; base/crc32.ts has Parquet's. */
export function crc32c(content: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of content) crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** Field of protocol buffers with a length: a string or a message. */
function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.of((number << 3) | 2), varint(content.length), content]);
}

const varintField = (number: number, value: number): Buffer =>
  Buffer.concat([Buffer.of(number << 3), varint(value)]);

function double(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = (number << 3) | 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

function float(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = (number << 3) | 5;
  bytes.writeFloatLE(value, 1);
  return bytes;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}
