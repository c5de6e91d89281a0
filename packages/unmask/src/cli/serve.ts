// `unmask serve`: the engine behind a port. What it listens on goes to stdout (with --json as one object), the log to
// stderr: lines for people in a terminal, JSON elsewhere.

import { fileURLToPath } from "node:url";
import pino, { type Logger } from "pino";
import type { Engine } from "../serve/engine.ts";
import { hostsFor, isLoopback, readKeys } from "../serve/http/access.ts";
import { createApp } from "../serve/http/app.ts";
import { type Limits, usualLimits } from "../serve/http/limits.ts";
import { Metrics } from "../serve/http/metrics.ts";
import { readPages } from "../serve/http/pages.ts";
import { checkAddress, startServer } from "../serve/http/server.ts";
import type { Service } from "../serve/http/service.ts";
import { checkDevice } from "./device.ts";
import { onInterrupt } from "./interrupt.ts";
import { logLines } from "./log-lines.ts";
import { isLive } from "./terminal.ts";
import { modelOrUsual } from "./usual-model.ts";

export interface ServeFlags {
  readonly model?: string;
  readonly revision?: string;
  readonly name?: string;
  readonly host: string;
  readonly port: number;
  readonly apiKeyFile?: string;
  readonly allowHost?: readonly string[];
  readonly allowOrigin?: readonly string[];
  readonly logLevel: string;
  readonly maxBatch?: number;
  readonly maxQueue?: number;
  /** Megabytes. */
  readonly maxMemory?: number;
  readonly threads?: number;
  /** Seconds. */
  readonly requestTimeout: number;
  readonly shutdownTimeout: number;
  /** Kilobytes. */
  readonly maxBody: number;
  readonly maxSequences: number;
  readonly maxConnections: number;
  readonly adapter?: string;
  readonly device: string;
  readonly dtype: "auto" | "float32" | "bfloat16" | "int8";
  readonly json?: boolean;
}

/** Returns the exit code, when the server was stopped. */
export async function serveVerb(flags: ServeFlags): Promise<number> {
  // Wrong flags are told before a model is loaded.
  const keys = flags.apiKeyFile === undefined ? [] : readKeys(flags.apiKeyFile);
  const log = newLog(flags.logLevel);
  await checkAddress(flags);
  const engine = await engineOf(modelOrUsual(flags.model), flags);
  const interrupt = onInterrupt(() => undefined);
  try {
    await serve(engine, { keys, log, flags, stopped: interrupt.signal });
  } finally {
    // What ended by an error has an engine that runs on.
    await engine.close();
    interrupt.release();
  }
  return 0;
}

interface Serving {
  readonly keys: readonly string[];
  readonly log: Logger;
  readonly flags: ServeFlags;
  readonly stopped: AbortSignal;
}

/** Serves until it is stopped. */
async function serve(engine: Engine, { keys, log, flags, stopped }: Serving): Promise<void> {
  const closing = { begun: false };
  const service: Service = {
    engine,
    limits: limitsOf(flags),
    metrics: new Metrics(engine, { process: true }),
    log,
    started: Math.floor(Date.now() / 1000),
    isClosing: () => closing.begun,
  };
  const origins = flags.allowOrigin ?? [];
  const access = { keys, hosts: hostsFor(flags.host, flags.allowHost ?? []), origins };
  const app = createApp({ service, access, pages: readPages(inspector) });
  const { host, port, maxConnections: connections } = flags;
  const server = await startServer(app, { service, closing }, { host, port, connections }).catch(
    async (error: unknown) => {
      await engine.close(); // its thread would keep the process
      throw error;
    },
  );
  if (keys.length === 0 && !isLoopback(host)) {
    log.warn(`anyone who reaches ${host} may use this server; give --api-key-file`);
  }
  announce(engine, server.url, flags);
  await aborted(stopped);
  log.info(`stopping; running requests have ${flags.shutdownTimeout} s, a second signal ends at once`);
  await server.stop(flags.shutdownTimeout);
}

/** The built page: beside the compiled code, as it is published. */
const inspector = fileURLToPath(new URL("../inspector", import.meta.url));

async function engineOf(model: string, flags: ServeFlags): Promise<Engine> {
  const { openEngine } = await import("../serve/open-engine.ts");
  const { revision, name: id, dtype, adapter, threads, maxQueue, maxBatch } = flags;
  const maxMemory = flags.maxMemory === undefined ? undefined : flags.maxMemory * 1024 * 1024;
  const device = checkDevice(flags.device);
  return openEngine({ model, revision, id, device, dtype, adapter, threads, maxQueue, maxBatch, maxMemory });
}

function limitsOf({ requestTimeout, maxBody, maxSequences }: ServeFlags): Limits {
  return {
    ...usualLimits,
    requestSeconds: requestTimeout,
    bodyBytes: 1024 * maxBody,
    sequences: maxSequences,
  };
}

function newLog(level: string): Logger {
  const stream = isLive(process.stderr) ? logLines(process.stderr) : pino.destination(2);
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
}

function announce({ model }: Engine, url: string, { json }: ServeFlags): void {
  const { id, family, usualDecoder } = model;
  const line =
    json === true ? JSON.stringify({ url, model: id, family }) : `${id} at ${url} (${usualDecoder})`;
  process.stdout.write(`${line}\n`);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
