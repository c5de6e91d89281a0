// The server as a function over a scripted engine, for tests that open no port.

import pino from "pino";
import type { Engine } from "../../src/serve/engine.ts";
import type { Access } from "../../src/serve/http/access.ts";
import { type App, createApp } from "../../src/serve/http/app.ts";
import { type Limits, usualLimits } from "../../src/serve/http/limits.ts";
import { Metrics } from "../../src/serve/http/metrics.ts";
import type { Pages } from "../../src/serve/http/pages.ts";
import type { Service } from "../../src/serve/http/service.ts";
import { ScriptedEngine } from "../../src/serve/scripted-engine.ts";

export interface TestApp {
  readonly app: App;
  readonly service: Service;
  readonly closing: { begun: boolean };
  /** What was logged. */
  readonly lines: Record<string, unknown>[];
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>;
  chat(body: object, init?: RequestInit): Promise<Response>;
  complete(body: object, init?: RequestInit): Promise<Response>;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
}

export interface TestOptions {
  readonly engine?: Engine;
  readonly limits?: Partial<Limits>;
  readonly access?: Partial<Access>;
  readonly pages?: Pages;
}

export function testApp({ engine = new ScriptedEngine(), limits, access, pages }: TestOptions = {}): TestApp {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const closing = { begun: false };
  const service: Service = {
    engine,
    limits: { ...usualLimits, ...limits },
    metrics: new Metrics(engine),
    log,
    started: 1_700_000_000,
    isClosing: () => closing.begun,
  };
  const app = createApp({
    service,
    access: { keys: [], hosts: undefined, origins: [], ...access },
    pages: pages ?? new Map(),
  });
  const post: TestApp["post"] = (path, body, init = {}) => {
    const headers = { "content-type": "application/json", ...(init.headers as Record<string, string>) };
    const text = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
    return Promise.resolve(app.request(path, { ...init, method: "POST", headers, body: text as string }));
  };
  return {
    ...{ app, service, closing, lines, post },
    chat: (body, init) => post("/v1/chat/completions", { messages: [user("a b c")], ...body }, init),
    complete: (body, init) => post("/v1/completions", { prompt: "a b c", ...body }, init),
    get: (path, headers = {}) => Promise.resolve(app.request(path, { headers })),
  };
}

export const user = (content: string) => ({ role: "user", content });

// biome-ignore lint/suspicious/noExplicitAny: what arrives is JSON of any shape, and tests say what they expect
export const jsonOf = async (response: Promise<Response>): Promise<any> => (await response).json();

export interface SentEvent {
  readonly name: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: what arrives is JSON of any shape, and tests say what they expect
  readonly data: any;
}

/** The events of a whole stream; [DONE] as text. */
export function eventsOf(text: string): SentEvent[] {
  return text
    .split("\n\n")
    .filter((block) => block !== "" && !block.startsWith(":"))
    .map((block) => {
      const lines = block.split("\n");
      const name = lines.find((line) => line.startsWith("event: "))?.slice(7);
      const data = lines.find((line) => line.startsWith("data: "))!.slice(6);
      return { name, data: data === "[DONE]" ? data : JSON.parse(data) };
    });
}
