// A model that training goes on from: found, fetched and described by whoever starts the run.

import { createHash } from "node:crypto";
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Facts } from "../models/family.ts";
import type { ChatTemplate } from "../text/chat-template.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

export interface BaseModel {
  /** What was asked for: a folder or an id. */
  readonly name: string;
  readonly folder: string;
  /** Of configuration and tokenizer together. */
  readonly facts: Facts;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate | undefined;
}

const probe = 1 << 16;
const probes = 64;

/**
 * Digest of a model folder: its configuration whole, of its weights the sizes, and of each file 64 pieces of 64 KiB, the
 * first, the last and those between (reading 16 GB at every start would take a minute). Training changes all of them.
 */
export function modelDigest(folder: string): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    if (name === "config.json") hash.update(readFileSync(path));
    if (!name.endsWith(".safetensors")) continue;
    const { size } = statSync(path);
    hash.update(`${name} ${size}`);
    const file = openSync(path, "r");
    const bytes = Buffer.alloc(probe);
    const step = Math.max(probe, (size - probe) / (probes - 1));
    for (let start = 0; start < size; start += step) {
      hash.update(bytes.subarray(0, readSync(file, bytes, 0, probe, Math.floor(start))));
    }
    closeSync(file);
  }
  return hash.digest("hex");
}
