// Memory of this machine and of this process, as the system tells it.

import { readFileSync } from "node:fs";
import { freemem, totalmem } from "node:os";

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** The number after `name` in a file of the kernel's. */
function field(text: string | undefined, name: string): number | undefined {
  const found = new RegExp(`^${name}:?\\s+(\\d+)`, "m").exec(text ?? "")?.[1];
  return found === undefined ? undefined : Number(found);
}

/** All that this process may use: the machine's memory, or a container's limit where there is one. */
export function memoryLimit(): number {
  const limit = process.constrainedMemory?.() ?? 0;
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

/** Bytes that can be had now without swapping: the system's own figure, and what a container's limit leaves. */
export function availableMemory(): number {
  const kibibytes = field(read("/proc/meminfo"), "MemAvailable");
  const system = kibibytes === undefined ? freemem() : 1024 * kibibytes;
  return Math.min(system, ...controlGroups());
}

/** Room in each control group (version 1 or 2) that this process is in and that has a limit. */
function controlGroups(): number[] {
  const room: number[] = [];
  for (const line of (read("/proc/self/cgroup") ?? "").trim().split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const second = controllers === "";
    if (path === undefined || !(second || controllers?.split(",").includes("memory"))) continue;
    const [root, limitName, usageName, cacheName] = second
      ? ["/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"]
      : ["/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"];
    const parts = path.split("/").filter((part) => part !== "");
    for (let depth = parts.length; depth >= 0; depth--) {
      const folder = [root, ...parts.slice(0, depth)].join("/");
      const limit = Number(read(`${folder}/${limitName}`) ?? Number.NaN);
      const usage = Number(read(`${folder}/${usageName}`) ?? Number.NaN);
      if (!(limit < totalmem()) || Number.isNaN(usage)) continue;
      room.push(Math.max(0, limit - usage + (field(read(`${folder}/memory.stat`), cacheName) ?? 0)));
    }
  }
  return room;
}

/** Bytes of memory that this process holds now. */
export function residentMemory(): number {
  const kibibytes = field(read("/proc/self/status"), "VmRSS");
  return kibibytes === undefined ? process.memoryUsage.rss() : 1024 * kibibytes;
}
