// The server behind `unmask inspect open`. Whoever does not know the token in the path learns nothing, not even which
// files there are; a page of another site cannot ask at all, for it would have to name this host.

import { timingSafeEqual } from "node:crypto";
import { open, readFile, stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { textsFor } from "../generate/token-texts.ts";
import { readJournal } from "../generate/trajectory-shard.ts";
import { type Pages, pageAt } from "../serve/http/pages.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { decodeTrajectories } from "../trajectory/file.ts";
import type { OpenFile } from "./inspect-open-files.ts";

export interface FileServerOptions {
  readonly pages: Pages;
  readonly files: readonly OpenFile[];
  /** Part of the path. */
  readonly token: string;
  /** Of the model that wrote the files, for those that hold no texts. */
  readonly tokenizer?: Tokenizer | undefined;
}

export function fileServer(options: FileServerOptions): Server {
  return createServer((request, response) => {
    answer(request, response, options).catch(() => {
      if (!response.headersSent) send(response, 500, "it could not be read", "text/plain");
      else response.destroy();
    });
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, options: FileServerOptions) {
  const { method = "", url = "" } = request;
  const { host = "" } = request.headers;
  if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host))
    return send(response, 403, "not for this host", "text/plain");
  if (method !== "GET" && method !== "HEAD") return send(response, 405, "only GET", "text/plain");
  const [path = "", query = ""] = url.split("?", 2);
  const [, given = "", name = "", ...rest] = path.split("/");
  if (!isEqual(given, options.token)) return send(response, 404, "nothing here", "text/plain");
  if (name === "files") {
    const [number = "", more] = rest;
    const file = /^\d+$/.test(number) && rest.length < 3 ? options.files[Number(number)] : undefined;
    if (file === undefined) return send(response, 404, "no such file", "text/plain");
    if (more === "texts") return sendTexts(response, file, options);
    if (more === undefined) return sendFile(response, file, new URLSearchParams(query).get("from"));
  }
  if (rest.length > 0) return send(response, 404, "nothing here", "text/plain");
  if (name === "session.json") return send(response, 200, sessionOf(options), "application/json");
  const page = pageAt(options.pages, `/${name}`, null);
  if (page === undefined) return send(response, 404, "nothing here", "text/plain");
  response.writeHead(200, { ...Object.fromEntries(page.headers), ...pageHeaders });
  response.end(method === "HEAD" ? undefined : new Uint8Array(await page.arrayBuffer()));
}

/** The address of a page holds a secret, so nothing of it may be kept. */
const pageHeaders = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

/** Takes as long whatever is wrong. */
function isEqual(given: string, token: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(token)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function send(response: ServerResponse, status: number, body: string | Uint8Array, type: string): void {
  response.writeHead(status, {
    ...pageHeaders,
    "content-type": type,
    "content-length": Buffer.byteLength(body),
  });
  response.end(response.req.method === "HEAD" ? undefined : body);
}

function sessionOf({ files, tokenizer }: FileServerOptions): string {
  const told = files.map(({ name, follows }, at) => ({
    ...{ name, follows, url: `files/${at}` },
    ...(tokenizer !== undefined && isTrajectory(name) ? { textsUrl: `files/${at}/texts` } : {}),
  }));
  return JSON.stringify({ live: false, files: told });
}

const isTrajectory = (name: string): boolean => /\.parquet(\.journal)?$/.test(name);

/** A file, or what it has gained behind so many bytes; all of it where it has become shorter. */
async function sendFile(response: ServerResponse, { path }: OpenFile, from: string | null): Promise<void> {
  const { size } = await stat(path);
  const wanted = from !== null && /^\d+$/.test(from) ? Number(from) : 0;
  const begin = wanted > size ? 0 : wanted;
  const file = await open(path);
  try {
    const bytes = Buffer.alloc(size - begin);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, begin);
    response.setHeader("x-begins-at", String(begin));
    send(response, 200, bytes.subarray(0, bytesRead), "application/octet-stream");
  } finally {
    await file.close();
  }
}

async function sendTexts(
  response: ServerResponse,
  { path }: OpenFile,
  { tokenizer }: FileServerOptions,
): Promise<void> {
  if (tokenizer === undefined) return send(response, 404, "no model was named", "text/plain");
  const file = path.endsWith(".journal")
    ? readJournal(path)
    : await decodeTrajectories(await readFile(path), path);
  if (file.header.tokenizer_hash !== tokenizer.hash) {
    return send(response, 409, "written with another tokenizer", "text/plain");
  }
  send(response, 200, JSON.stringify(textsFor(tokenizer, file)), "application/json");
}
