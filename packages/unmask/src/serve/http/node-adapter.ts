// Node's requests and responses as the web's: the app is a function from Request to Response.
//
// - The request's signal aborts when the client goes away before the answer is whole; then the answer's body is
//   cancelled too.
// - A chunk is asked of the body when the socket has room for it. A client that takes nothing for `stallSeconds` though
//   there is something to take is dropped.
// - When an answer comes before the request's body is whole (too large, too slow), the rest is read and thrown away for a
//   moment: closing at once would cut the client off before it could read why.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connection } from "./service.ts";

export interface AdapterOptions {
  readonly stallSeconds: number;
  /** A client was dropped because it did not read. */
  onStall(): void;
  /** The app itself failed. */
  onError(error: unknown): void;
}

const linger = { milliseconds: 500, bytes: 16 * 1024 * 1024 };

export function listener(
  fetch: (request: Request, connection: Connection) => Response | Promise<Response>,
  options: AdapterOptions,
): (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void> {
  return async (incoming, outgoing) => {
    const gone = new AbortController();
    outgoing.on("error", () => undefined);
    outgoing.once("close", () => {
      if (!outgoing.writableFinished) gone.abort();
    });
    outgoing.once("timeout", () => {
      options.onStall();
      outgoing.destroy();
    });
    try {
      const request = requestOf(incoming, gone.signal);
      const response =
        request === undefined
          ? new Response(null, { status: 400 })
          : await fetch(request, { address: incoming.socket.remoteAddress });
      await send(response, { incoming, outgoing, stall: options.stallSeconds * 1000 });
    } catch (error) {
      if (!gone.signal.aborted) options.onError(error);
      outgoing.destroy();
    }
  };
}

/** Undefined for what no path or header can be read from. */
function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request | undefined {
  const { method = "GET", url = "", rawHeaders } = incoming;
  if (!url.startsWith("/")) return undefined;
  try {
    const headers = new Headers();
    for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!);
    // The host is the header's to say: a path such as //elsewhere/ must not change it.
    const address = `http://localhost${url}`;
    if (method === "GET" || method === "HEAD") return new Request(address, { method, headers, signal });
    return new Request(address, { method, headers, signal, body: bodyOf(incoming), duplex: "half" });
  } catch {
    return undefined;
  }
}

/** Read as it is asked for. */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  let chunks: AsyncIterator<Buffer> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        chunks ??= incoming.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]();
        const { done, value } = await chunks.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
    },
    { highWaterMark: 0 },
  );
}

interface Pair {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** Milliseconds. */
  readonly stall: number;
}

async function send(response: Response, { incoming, outgoing, stall }: Pair): Promise<void> {
  if (outgoing.destroyed) {
    await response.body?.cancel();
    return;
  }
  outgoing.writeHead(response.status, [...response.headers].flat());
  if (response.body !== null) {
    if (response.headers.get("content-type")?.startsWith("text/event-stream") === true)
      outgoing.flushHeaders();
    await pipe(response.body, outgoing, stall);
  }
  if (outgoing.destroyed) return;
  if (!incoming.complete) await rest(incoming);
  // From here on only what Node still holds has to go out; then Node sets the time of an idle connection.
  outgoing.socket?.setTimeout(stall);
  outgoing.end();
}

async function pipe(
  body: ReadableStream<Uint8Array>,
  outgoing: ServerResponse,
  stall: number,
): Promise<void> {
  const reader = body.getReader();
  const cancel = () => void reader.cancel().catch(() => undefined);
  outgoing.once("close", cancel);
  try {
    while (!outgoing.destroyed) {
      const { done, value } = await reader.read();
      if (done) return;
      if (outgoing.write(value)) continue;
      outgoing.socket?.setTimeout(stall);
      await drained(outgoing);
      outgoing.socket?.setTimeout(0);
    }
  } finally {
    outgoing.off("close", cancel);
  }
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      outgoing.off("drain", done).off("close", done);
      resolve();
    };
    outgoing.once("drain", done).once("close", done);
  });
}

/** Reads what is left of a body, within limits. */
function rest(incoming: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0;
    const done = (): void => {
      clearTimeout(timer);
      incoming.off("data", count).off("end", done).off("close", done);
      resolve();
    };
    const count = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > linger.bytes) done();
    };
    const timer = setTimeout(done, linger.milliseconds);
    incoming.on("data", count).once("end", done).once("close", done).resume();
  });
}
