// The server on a port of this machine, over a scripted engine, and raw connections to it.

import { connect, type Socket } from "node:net";
import { type RunningServer, startServer } from "../../src/serve/http/server.ts";
import { type TestApp, type TestOptions, testApp } from "./app.ts";

export interface TestServer extends TestApp {
  readonly server: RunningServer;
  readonly url: string;
  readonly port: number;
}

export async function testServer(options: TestOptions & { connections?: number } = {}): Promise<TestServer> {
  const test = testApp(options);
  const { app, service, closing } = test;
  const address = { host: "127.0.0.1", port: 0, connections: options.connections ?? 1000 };
  const server = await startServer(app, { service, closing }, address);
  return { ...test, server, url: server.url, port: Number(new URL(server.url).port) };
}

export interface RawClient {
  readonly socket: Socket;
  /** What came so far. */
  text(): string;
  /** Resolves when the other side is done. */
  readonly closed: Promise<void>;
}

export function rawClient(port: number, first = ""): RawClient {
  const socket = connect(port, "127.0.0.1");
  const parts: Buffer[] = [];
  socket.on("data", (part) => parts.push(part));
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  if (first !== "") socket.write(first);
  return { socket, closed, text: () => Buffer.concat(parts).toString() };
}

/** A whole request as it goes over the wire. */
export function wire(path: string, body: unknown, headers: Record<string, string> = {}): string {
  const text = JSON.stringify(body);
  const all = {
    ...{ host: "localhost", "content-type": "application/json" },
    ...{ "content-length": String(Buffer.byteLength(text)), ...headers },
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n${text}`;
}
