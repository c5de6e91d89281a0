// Devices as strings: "cpu", "cuda" (the current one), "cuda:1".

import { TorchError } from "./errors.ts";

export type Device = "cpu" | "cuda" | `cuda:${number}`;

// c10/core/DeviceType.h
const types = ["cpu", "cuda"] as const;

/** A device on its way through the wire (type · 256 + index + 1). */
export class DeviceCode {
  readonly code: number;
  constructor(code: number) {
    this.code = code;
  }
}

/** undefined stays undefined (the operator's default). */
export function deviceCode(device: Device | undefined): DeviceCode | undefined {
  if (device === undefined) return undefined;
  const [, name, index] = /^(cpu|cuda)(?::(\d+))?$/.exec(device) ?? [];
  const type = types.indexOf(name as "cpu" | "cuda");
  if (type < 0 || Number(index ?? 0) > 127)
    throw new TorchError("device", `"${device}" is no device; use "cpu", "cuda" or "cuda:<index>"`);
  return new DeviceCode(type * 256 + (index === undefined ? 0 : Number(index) + 1));
}

export function deviceName(code: number): Device {
  const name = types[Math.floor(code / 256)];
  if (name === undefined)
    throw new TorchError("device", `this package does not handle libtorch's device type ${code >> 8}`);
  const index = (code % 256) - 1;
  return name === "cuda" && index >= 0 ? `cuda:${index}` : name;
}
