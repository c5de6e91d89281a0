// A hub on this machine, for tests: it speaks as huggingface.co does (the programming interface, `resolve` with its
// headers, LFS files behind a redirect to a second host) and misbehaves as it is told.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

export interface Fault {
  /** Held against "hub GET /path" and "cdn GET /path". */
  on: RegExp;
  /** How many requests it meets; 1 unless given. */
  times?: number;
  /** Answer with this status instead. */
  status?: number;
  headers?: Record<string, string>;
  body?: string;
  /** Break the connection after so many bytes of the body. */
  cutAfter?: number;
  /** Send so many bytes of the body and then nothing. */
  hangAfter?: number;
  /** Change one byte. */
  corrupt?: boolean;
  /** Answer 200 with the whole file. */
  ignoreRange?: boolean;
  /** Pause between pieces of 16 kB. */
  slowMs?: number;
}

export interface Seen {
  host: "hub" | "cdn";
  method: string;
  path: string;
  range: string | undefined;
  authorization: string | undefined;
  /** Bytes of the body that were sent. */
  sent: number;
}

export interface TestRepository {
  commit: string;
  /** Branches and tags beside main that mean the same commit. */
  refs?: string[];
  files: Record<string, string | Buffer>;
  /** LFS files; those that end in .safetensors unless given. */
  isLfs?: (name: string) => boolean;
  gated?: boolean;
}

export const sha256 = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");
export const gitHash = (content: string | Buffer) =>
  createHash("sha1")
    .update(`blob ${Buffer.byteLength(content)}\0`)
    .update(content)
    .digest("hex");

export class HubServer {
  /** By id; datasets by "datasets/" and their id, as in their addresses. */
  readonly repositories = new Map<string, TestRepository>();
  readonly seen: Seen[] = [];
  /** The token of an account that may read everything. */
  goodToken = "hf_good";
  pageSize = 1000;
  #faults: { fault: Fault; left: number }[] = [];
  #servers: Server[] = [];
  #contents = new Map<string, Buffer>();

  static async start(): Promise<HubServer> {
    const server = new HubServer();
    for (const host of ["hub", "cdn"] as const) {
      const one = createServer((request, response) => server.#serve(host, request, response));
      await new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve));
      server.#servers.push(one);
    }
    return server;
  }

  get endpoint(): string {
    return this.#address(0);
  }

  get cdn(): string {
    return this.#address(1);
  }

  #address(index: number): string {
    return `http://127.0.0.1:${(this.#servers[index]!.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const one of this.#servers) {
      one.closeAllConnections();
      await new Promise((resolve) => one.close(resolve));
    }
  }

  fault(fault: Fault): void {
    this.#faults.push({ fault, left: fault.times ?? 1 });
  }

  mend(): void {
    this.#faults = [];
  }

  /** Downloads of one file, that is requests whose body was meant to be its content. */
  downloads(name: string): Seen[] {
    const repository = [...this.repositories.values()].find(({ files }) => name in files)!;
    const path = this.#isLfs(repository, name) ? `/lfs/${sha256(repository.files[name]!)}` : `/${name}`;
    const host = path.startsWith("/lfs/") ? "cdn" : "hub";
    return this.seen.filter((one) => one.host === host && one.path.endsWith(path) && one.method === "GET");
  }

  #isLfs({ isLfs = (one) => one.endsWith(".safetensors") }: TestRepository, name: string): boolean {
    return isLfs(name);
  }

  #serve(host: "hub" | "cdn", request: IncomingMessage, response: ServerResponse) {
    const { method = "GET", url = "/" } = request;
    const { range, authorization } = request.headers;
    const path = decodeURIComponent(url.split("?")[0]!);
    const seen: Seen = { host, method, path, range, authorization, sent: 0 };
    this.seen.push(seen);
    const fault = this.#meet(`${host} ${method} ${path}`);
    const exchange = new Exchange({ request, response, seen, fault });
    if (fault.status !== undefined)
      return exchange.answer(fault.status, fault.headers ?? {}, fault.body ?? "");
    if (host === "cdn") return exchange.file(this.#contents.get(path)!, {});
    if (path.startsWith("/api/")) this.#api(exchange, path, new URL(url, this.endpoint));
    else this.#resolve(exchange, path);
  }

  #meet(line: string): Partial<Fault> {
    const found = this.#faults.find(({ fault, left }) => left > 0 && fault.on.test(line));
    if (found === undefined) return {};
    found.left--;
    return found.fault;
  }

  #api(exchange: Exchange, path: string, url: URL) {
    const [, kinds] = /^\/api\/(models|datasets)/.exec(path) ?? [];
    const prefix = kinds === "datasets" ? "datasets/" : "";
    if (path === `/api/${kinds}`) {
      const search = url.searchParams.get("search") ?? "";
      const ids = [...this.repositories.keys()].filter(
        (id) => id.startsWith("datasets/") === (prefix !== ""),
      );
      const found = ids.map((id) => id.slice(prefix.length)).filter((id) => id.includes(search.slice(0, 3)));
      return exchange.json(found.map((id) => ({ id })));
    }
    const [, id, kind, rest] = /^\/api\/\w+\/(.+?)\/(revision|tree|refs)(?:\/(.*))?$/.exec(path) ?? [];
    const repository = this.repositories.get(`${prefix}${id}`);
    if (repository === undefined) return this.#noRepository(exchange);
    const { commit, refs = [] } = repository;
    if (kind === "refs")
      return exchange.json({
        branches: ["main", ...refs].map((name) => ({ name, targetCommit: commit })),
        tags: [],
      });
    if (![commit, "main", ...refs].includes(rest ?? "")) return exchange.error(404, "RevisionNotFound");
    if (kind === "revision")
      return exchange.json({ _id: "1", id, sha: commit, lastModified: "2026-01-01T00:00:00Z" });
    this.#tree(exchange, repository, url);
  }

  #tree(exchange: Exchange, repository: TestRepository, url: URL) {
    const entries = Object.entries(repository.files).map(([path, content]) => {
      const plain = { type: "file", path, size: Buffer.byteLength(content), oid: gitHash(content) };
      if (!this.#isLfs(repository, path)) return plain;
      const lfs = { oid: sha256(content), size: plain.size, pointerSize: 134 };
      return { ...plain, oid: gitHash(`pointer to ${lfs.oid}`), lfs };
    });
    const folders = [...new Set(entries.flatMap(({ path }) => path.split("/").slice(0, -1)))];
    const all = [
      ...folders.map((path) => ({ type: "directory", path, size: 0, oid: gitHash(path) })),
      ...entries,
    ];
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const next = from + this.pageSize;
    const link = `<${this.endpoint}${url.pathname}?recursive=true&cursor=${next}>; rel="next"`;
    exchange.json(all.slice(from, next), next < all.length ? { link } : {});
  }

  #noRepository(exchange: Exchange) {
    // The hub does not tell strangers whether a private repository exists.
    const isKnown = exchange.seen.authorization === `Bearer ${this.goodToken}`;
    exchange.error(isKnown ? 404 : 401, "RepoNotFound");
  }

  #resolve(exchange: Exchange, path: string) {
    const [, id, revision, name] = /^\/(.+?)\/resolve\/([^/]+)\/(.*)$/.exec(path) ?? [];
    const repository = this.repositories.get(id ?? "");
    if (repository === undefined) return this.#noRepository(exchange);
    const { commit, refs = [], files, gated = false } = repository;
    const { authorization } = exchange.seen;
    if (gated && authorization !== `Bearer ${this.goodToken}`)
      return exchange.error(authorization === undefined ? 401 : 403, "GatedRepo");
    if (![commit, "main", ...refs].includes(revision ?? "")) return exchange.error(404, "RevisionNotFound");
    const content = files[name ?? ""];
    if (content === undefined) return exchange.error(404, "EntryNotFound");
    const common = { "x-repo-commit": commit, "accept-ranges": "bytes" };
    if (!this.#isLfs(repository, name!))
      return exchange.file(Buffer.from(content), { ...common, etag: `"${gitHash(content)}"` });
    const hash = sha256(content);
    this.#contents.set(`/lfs/${hash}`, Buffer.from(content));
    const linked = { "x-linked-etag": `"${hash}"`, "x-linked-size": String(Buffer.byteLength(content)) };
    exchange.answer(302, { ...common, ...linked, location: `${this.cdn}/lfs/${hash}?X-Amz-Signature=1` }, "");
  }
}

class Exchange {
  readonly seen: Seen;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #fault: Partial<Fault>;

  constructor({
    request,
    response,
    seen,
    fault,
  }: {
    request: IncomingMessage;
    response: ServerResponse;
    seen: Seen;
    fault: Partial<Fault>;
  }) {
    this.#request = request;
    this.#response = response;
    this.seen = seen;
    this.#fault = fault;
  }

  answer(status: number, headers: Record<string, string>, body: string): void {
    this.#response.writeHead(status, headers);
    this.#response.end(body);
  }

  json(value: unknown, headers: Record<string, string> = {}): void {
    const body = JSON.stringify(value);
    if (this.#fault.hangAfter !== undefined) return;
    this.answer(200, { "content-type": "application/json; charset=utf-8", ...headers }, body);
  }

  error(status: number, code: string): void {
    const headers = {
      "content-type": "application/json",
      "x-error-code": code,
      "x-error-message": `${code}.`,
    };
    this.answer(status, headers, JSON.stringify({ error: code }));
  }

  /** A file, or the part of it that was asked for. */
  file(content: Buffer, headers: Record<string, string>) {
    const { range, "accept-encoding": encodings = "" } = this.#request.headers;
    const { corrupt, ignoreRange } = this.#fault;
    const whole = corrupt ? changed(content) : content;
    const [, from] = /^bytes=(\d+)-$/.exec(range ?? "") ?? [];
    if (from !== undefined && ignoreRange !== true) {
      const start = Number(from);
      if (start >= whole.length) return this.answer(416, { "content-range": `bytes */${whole.length}` }, "");
      const contentRange = `bytes ${start}-${whole.length - 1}/${whole.length}`;
      return this.#send(206, { ...headers, "content-range": contentRange }, whole.subarray(start));
    }
    // As the hub does for text, which moves every byte to another place.
    if (/gzip/.test(String(encodings)))
      return this.#send(200, { ...headers, "content-encoding": "gzip" }, gzipSync(whole));
    this.#send(200, headers, whole);
  }

  #send(status: number, headers: Record<string, string>, body: Buffer) {
    const { cutAfter, hangAfter, slowMs } = this.#fault;
    this.#response.writeHead(status, { ...headers, "content-length": String(body.length) });
    if (this.#request.method === "HEAD") return this.#response.end();
    if (slowMs !== undefined) return this.#trickle(body, slowMs);
    const limit = cutAfter ?? hangAfter;
    const part = limit === undefined ? body : body.subarray(0, limit);
    this.seen.sent = part.length;
    if (limit === undefined) this.#response.end(part);
    else if (cutAfter === undefined) this.#response.write(part);
    // What was written must leave before the connection breaks.
    else this.#response.write(part, () => setTimeout(() => this.#response.destroy(), 20));
  }

  async #trickle(body: Buffer, slowMs: number): Promise<void> {
    const piece = 16_384;
    for (let from = 0; from < body.length && !this.#response.destroyed; from += piece) {
      this.#response.write(body.subarray(from, from + piece));
      this.seen.sent += Math.min(piece, body.length - from);
      await new Promise((resolve) => setTimeout(resolve, slowMs));
    }
    this.#response.end();
  }
}

function changed(content: Buffer): Buffer {
  const copy = Buffer.from(content);
  copy[copy.length >> 1]! ^= 1;
  return copy;
}
