// What a resumed run must share with its beginning: a digest of each part, so that a refusal can name what changed.

import { createHash } from "node:crypto";

/** Values that make a digest of 16 hexadecimal digits each; undefined is a value too. */
export type Parts = Readonly<Record<string, unknown>>;

/** One line, "data=1f3a…, objective=…", in the order of the parts. */
export const fingerprintOf = (parts: Parts): string =>
  Object.entries(parts)
    .map(([name, value]) => `${name}=${digestOf(value)}`)
    .join(", ");

const digestOf = (value: unknown): string =>
  createHash("sha256")
    .update(typeof value === "string" ? value : (JSON.stringify(value) ?? ""))
    .digest("hex")
    .slice(0, 16);

/** Names of the parts that differ; none where a fingerprint has no parts. */
export function changedParts(before: string, now: string): string[] {
  const [earlier, later] = [before, now].map(
    (text) => new Map(text.split(", ").map((part) => part.split("=") as [string, string | undefined])),
  );
  return [...later!].flatMap(([name, digest]) =>
    digest === undefined || earlier!.get(name) === digest ? [] : [name],
  );
}
