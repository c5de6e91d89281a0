// The inspector's files. They are listed and read once, so that a path that was not among them leads nowhere.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";

export interface Page {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly tag: string;
  /** Its name changes with its bytes. */
  readonly isLasting: boolean;
}

/** By path, such as /assets/index-4f2a.js. */
export type Pages = ReadonlyMap<string, Page>;

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".wasm": "application/wasm",
  ".txt": "text/plain; charset=utf-8",
};

/** All files under a folder; none where it does not exist. */
export function readPages(folder: string): Pages {
  const pages = new Map<string, Page>();
  if (!existsSync(folder)) return pages;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath ?? entry.path, entry.name);
    const path = `/${relative(folder, file).split(sep).join("/")}`;
    const bytes = new Uint8Array(readFileSync(file));
    const tag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
    const type = types[extname(entry.name).toLowerCase()] ?? "application/octet-stream";
    pages.set(path, { bytes, type, tag, isLasting: path.startsWith("/assets/") });
  }
  return pages;
}

/** Scripts and styles come from here alone, and nothing of a page is ever sent elsewhere or framed. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The page at a path, or undefined. */
export function pageAt(pages: Pages, path: string, ifNoneMatch: string | null): Response | undefined {
  const page = pages.get(path === "/" ? "/index.html" : path);
  if (page === undefined) return undefined;
  const headers = {
    "content-type": page.type,
    "content-length": String(page.bytes.length),
    "cache-control": page.isLasting ? "public, max-age=31536000, immutable" : "no-cache",
    etag: page.tag,
    "content-security-policy": policy,
    "referrer-policy": "no-referrer",
  };
  if (ifNoneMatch !== page.tag) return new Response(page.bytes, { headers });
  const { "content-length": _, ...unchanged } = headers;
  return new Response(null, { status: 304, headers: unchanged });
}
