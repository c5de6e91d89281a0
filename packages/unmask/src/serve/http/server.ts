// The app behind a port: limits on connections, and an end that lets running requests finish.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { UsageError } from "../../base/errors.ts";
import type { Engine } from "../engine.ts";
import type { App } from "./app.ts";
import { listener } from "./node-adapter.ts";
import type { Service } from "./service.ts";

export interface ServerOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Open at once; a further one is closed at once. */
  readonly connections: number;
}

export interface RunningServer {
  readonly url: string;
  /** Takes nothing new, lets running requests finish for so many seconds, and closes. */
  stop(seconds: number): Promise<void>;
}

const headerSeconds = 10;
/** Longer than load balancers keep theirs (60): else one of them sends into a connection that is being closed. */
const idleSeconds = 75;
/** Milliseconds that the last bytes of broken-off answers have to go out. */
const lastWords = 1000;

/** Throws a UsageError where the port is taken or may not be used. */
export async function startServer(
  app: App,
  { service, closing }: { service: Service; closing: { begun: boolean } },
  { host, port, connections }: ServerOptions,
): Promise<RunningServer> {
  const { limits, log, metrics, engine } = service;
  const server = createServer(
    {
      headersTimeout: 1000 * headerSeconds,
      // Headers and body together: the body has its own, shorter time.
      requestTimeout: 1000 * (headerSeconds + limits.bodySeconds),
      keepAliveTimeout: 1000 * idleSeconds,
      connectionsCheckingInterval: 1000,
      maxHeaderSize: 16 * 1024,
    },
    listener(app.fetch, {
      stallSeconds: limits.stallSeconds,
      onStall: () => metrics.slowClients.inc(),
      onError: (error) => log.error({ err: error }, "the app failed"),
    }),
  );
  server.maxConnections = connections;
  await listen(server, host, port);
  const bound = (server.address() as AddressInfo).port;
  const name = host.includes(":") ? `[${host}]` : host;
  return {
    url: `http://${name}:${bound}`,
    stop: (seconds) => {
      closing.begun = true;
      return stop(server, engine, seconds);
    },
  };
}

/** Whether the address can be taken, asked before a model is loaded for it. Throws as startServer does. */
export async function checkAddress({ host, port }: Pick<ServerOptions, "host" | "port">): Promise<void> {
  const server = createServer();
  await listen(server, host, port);
  await new Promise((resolve) => server.close(resolve));
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(explained(error, host, port)));
    server.listen(port, host, resolve);
  });
}

function explained(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} of ${host} is taken; choose another with --port`,
    EACCES: `port ${port} may not be opened; choose one above 1023 with --port`,
    EADDRNOTAVAIL: `${host} is no address of this machine; give another --host`,
    ENOTFOUND: `${host} is no known name; give another --host`,
  };
  const reason = reasons[error.code ?? ""];
  return reason === undefined ? error : new UsageError(reason, { host, port });
}

/** The port stays open until the engine is through: who still comes is told to go elsewhere. */
async function stop(server: Server, engine: Engine, seconds: number): Promise<void> {
  await engine.close({ within: 1000 * seconds });
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), lastWords);
  await closed;
  clearTimeout(timer);
}
