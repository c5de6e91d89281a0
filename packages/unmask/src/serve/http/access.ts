// Who may ask: keys, the Host header, and the origins of web pages.

import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { UsageError } from "../../base/errors.ts";
import { ApiError, short } from "./errors.ts";

export interface Access {
  /** Any of them opens; none: open to all. */
  readonly keys: readonly string[];
  /** Names in the Host header that are answered; undefined: any. */
  readonly hosts: readonly string[] | undefined;
  /** Web pages of other sites that may ask, such as https://example.org. */
  readonly origins: readonly string[];
}

const loopback: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

export const isLoopback = (host: string): boolean => [...loopback, "::1"].includes(host);

/**
 * On a loopback address only its own names are answered: a page of another site whose name was made to point here
 * (DNS rebinding) sends its own.
 */
export function hostsFor(bound: string, allowed: readonly string[]): readonly string[] | undefined {
  if (isLoopback(bound)) return [...loopback, ...allowed];
  return allowed.length === 0 ? undefined : allowed;
}

/** One key a line; empty lines and those that begin with # are left out. Throws a UsageError. */
export function readKeys(file: string): string[] {
  const lines = readFileSync(file, "utf8").split("\n");
  const keys = lines.map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
  if (keys.length === 0) throw new UsageError(`${file}: holds no key; write one a line`, { file });
  return keys;
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** The number of the key that was given, or undefined where none is needed. Throws a 401, as slowly as it answers. */
export function checkKey({ keys }: Access, headers: Headers): number | undefined {
  if (keys.length === 0) return undefined;
  const [, given] = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "") ?? [];
  const digested = digest(given ?? "");
  let found: number | undefined;
  for (const [i, key] of keys.entries()) if (timingSafeEqual(digest(key), digested)) found = i;
  if (found !== undefined && given !== undefined) return found;
  const message = given === undefined ? "give a key: Authorization: Bearer KEY" : "the key is not right";
  throw new ApiError(401, message, { code: "invalid_api_key", headers: { "www-authenticate": "Bearer" } });
}

/** Throws a 403. */
export function checkHost({ hosts }: Access, headers: Headers): void {
  if (hosts === undefined) return;
  const name = (headers.get("host") ?? "").replace(/:\d+$/, "").toLowerCase();
  if (hosts.includes(name)) return;
  const message = `the host ${short(name)} is not answered; start the server with --allow-host for it`;
  throw new ApiError(403, message, { code: "host_not_allowed" });
}

/** Whether a page of another site asks that is allowed to. Throws a 403 for one that is not. */
export function checkOrigin({ origins }: Access, headers: Headers): boolean {
  const origin = headers.get("origin");
  if (origin === null) return false;
  if (origins.includes(origin)) return true;
  if (origin.replace(/^https?:\/\//, "") === headers.get("host")) return false;
  const message = `pages of ${short(origin)} may not ask; start the server with --allow-origin for them`;
  throw new ApiError(403, message, { code: "origin_not_allowed" });
}
