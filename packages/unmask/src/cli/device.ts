// Whether a device can be used here, asked before anything is loaded for it.

import { buildInfo, type Device } from "@unmask/torch";
import { ConfigError, UnsupportedError } from "../base/errors.ts";

export function checkDevice(name: string): Device {
  const [, type, index = "0"] = /^(cpu|cuda)(?::(\d+))?$/.exec(name) ?? [];
  if (type === undefined) {
    const message = `device is "${name}"; give "cpu", "cuda" or "cuda:<index>"`;
    throw new ConfigError(message, { device: name });
  }
  const { cudaDevices } = buildInfo();
  if (type === "cuda" && Number(index) >= cudaDevices) {
    const found =
      cudaDevices === 0 ? "no CUDA device" : `${cudaDevices} CUDA device${cudaDevices === 1 ? "" : "s"}`;
    throw new UnsupportedError(`device is "${name}" but libtorch sees ${found} here; use --device cpu`, {
      device: name,
    });
  }
  return name as Device;
}
