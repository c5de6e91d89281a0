// The server as a function from Request to Response: what is asked of which path, who may ask, and what is told when
// something fails. It opens no port (server.ts does), so that tests need none.

import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import { type Access, checkHost, checkKey, checkOrigin } from "./access.ts";
import { ApiError, short, toApiError } from "./errors.ts";
import { json } from "./json.ts";
import { type Pages, pageAt } from "./pages.ts";
import { type Connection, clientGone, type Exchange, type Service } from "./service.ts";
import { chat, complete } from "./texts.ts";

export interface AppOptions {
  readonly service: Service;
  readonly access: Access;
  readonly pages: Pages;
}

interface Environment {
  Variables: { exchange: Exchange; route: string; key: number | undefined };
  Bindings: Connection;
}
export type App = Hono<Environment>;
type Asked = Context<Environment>;
type Answer = (c: Asked) => Response | Promise<Response>;

interface Endpoint {
  readonly path: string;
  readonly method: "GET" | "POST";
  /** Its name in metrics and log. */
  readonly route: string;
  readonly isOpen?: boolean;
  readonly answer: Answer;
}

export function createApp(options: AppOptions): App {
  const { service, access, pages } = options;
  const app: App = new Hono<Environment>();
  app.use(async (c, next) => {
    observe(service, c);
    await next();
    conclude(service, c);
  });
  app.use(async (c, next) => {
    const { headers } = c.req.raw;
    checkHost(access, headers);
    const isForeign = checkOrigin(access, headers);
    if (isForeign && c.req.method === "OPTIONS") return preflight(headers.get("origin")!);
    await next();
    if (isForeign) addCors(c.res.headers, headers.get("origin")!);
    return undefined;
  });
  const endpoints = endpointsOf(service);
  for (const endpoint of endpoints) add(app, access, endpoint);
  app.get("*", (c, next) => {
    c.set("route", "page");
    const page = pageAt(pages, c.req.path, c.req.header("if-none-match") ?? null);
    return page === undefined ? next() : Promise.resolve(page);
  });
  app.notFound((c) => failure(new ApiError(404, notFound(c.req.path, endpoints), { code: "not_found" })));
  app.onError((error, c) => {
    const { exchange } = c.var;
    const told = toApiError(error, exchange.requestId);
    if (told.status === 500) exchange.log.error({ err: error }, "a request failed");
    return failure(told);
  });
  return app;
}

function endpointsOf(service: Service): Endpoint[] {
  const { engine, metrics } = service;
  const modelOf = () => modelObject(service);
  const isReady = () => engine.ready && !service.isClosing();
  const get = (path: string, route: string, answer: Answer, isOpen = false): Endpoint => {
    return { path, method: "GET", route, isOpen, answer };
  };
  return [
    {
      path: "/v1/chat/completions",
      method: "POST",
      route: "chat",
      answer: (c) => chat(service, c.var.exchange, c.req.raw),
    },
    {
      path: "/v1/completions",
      method: "POST",
      route: "completions",
      answer: (c) => complete(service, c.var.exchange, c.req.raw),
    },
    get("/v1/models", "models", () => json({ object: "list", data: [modelOf()] })),
    get("/v1/models/:id{.+}", "models", (c) => {
      const id = c.req.param("id") ?? "";
      if (id === engine.model.id) return json(modelOf());
      throw new ApiError(404, `${short(id)} is not served here`, { code: "model_not_found", param: "model" });
    }),
    get(
      "/health",
      "health",
      () => (engine.failed === true ? json({ status: "failed" }, 503) : json({ status: "ok" })),
      true,
    ),
    get(
      "/ready",
      "ready",
      () => (isReady() ? json({ status: "ready" }) : json({ status: "not ready" }, 503)),
      true,
    ),
    get("/metrics", "metrics", async () => {
      const headers = { "content-type": metrics.registry.contentType };
      return new Response(await metrics.text(), { headers });
    }),
  ];
}

function add(app: App, access: Access, { path, method, route, isOpen, answer }: Endpoint): void {
  app.all(path, async (c) => {
    c.set("route", route);
    if (isOpen !== true) c.set("key", checkKey(access, c.req.raw.headers));
    // Hono answers HEAD by GET, and drops the body.
    if (c.req.method === method || (method === "GET" && c.req.method === "HEAD")) return answer(c);
    throw new ApiError(405, `${short(c.req.path)} takes ${method}`, { headers: { allow: method } });
  });
}

/** Begins the record of an exchange. */
function observe({ log, metrics }: Service, c: Asked): void {
  const began = performance.now();
  const controller = new AbortController();
  const given = c.req.header("x-request-id");
  const requestId = given !== undefined && /^[\w.:-]{1,64}$/.test(given) ? given : `req_${randomUUID()}`;
  const exchange: Mutable = {
    requestId,
    client: () => (c.var.key === undefined ? (c.env?.address ?? "") : `key ${c.var.key}`),
    log: log.child({ request: requestId }),
    controller,
    isGone: () => c.req.raw.signal.aborted,
    elapsed: () => performance.now() - began,
    isOngoing: false,
    goesOn: () => {
      exchange.isOngoing = true;
      return (status) => finish({ metrics }, c, status);
    },
  };
  c.set("exchange", exchange);
  c.set("route", "other");
  metrics.opened();
  // Read at every request, or an abort later would find nobody to tell.
  const { signal } = c.req.raw;
  if (signal.aborted) controller.abort();
  else signal.addEventListener("abort", () => controller.abort(), { once: true });
}

interface Mutable extends Exchange {
  isOngoing: boolean;
}

/** Headers of every answer; the record ends, unless a stream goes on. */
function conclude({ metrics, isClosing }: Service, c: Asked): void {
  const { exchange } = c.var;
  const { headers, status } = c.res;
  headers.set("x-request-id", exchange.requestId);
  headers.set("x-content-type-options", "nosniff");
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  if (isClosing()) headers.set("connection", "close");
  if ((exchange as Mutable).isOngoing) return;
  finish({ metrics }, c, exchange.isGone() ? clientGone : status);
}

function finish({ metrics }: Pick<Service, "metrics">, c: Asked, status: number): void {
  const { exchange, route } = c.var;
  const milliseconds = exchange.elapsed();
  metrics.closed(route, status, milliseconds);
  const isQuiet = ["health", "ready", "metrics", "page"].includes(route);
  const record = { method: c.req.method, path: short(c.req.path, 200), status, ms: Math.round(milliseconds) };
  exchange.log[isQuiet ? "debug" : "info"](record, "answered");
}

const failure = (error: ApiError): Response => json(error.body, error.status, error.headers);

function notFound(path: string, endpoints: readonly Endpoint[]): string {
  const paths = endpoints.map((one) => one.path.replace(/:id.*/, "ID"));
  return `there is nothing at ${short(path)}; there are ${paths.join(", ")}`;
}

function addCors(headers: Headers, origin: string): void {
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-expose-headers", "x-request-id, retry-after");
  headers.append("vary", "origin");
}

function preflight(origin: string): Response {
  const headers = new Headers({
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "authorization, content-type, x-request-id",
    "access-control-max-age": "600",
  });
  addCors(headers, origin);
  return new Response(null, { status: 204, headers });
}

function modelObject({ engine, started }: Service) {
  const { id, family, contextLength, vocabularySize, hasChatTemplate, decoders, usualDecoder } = engine.model;
  return {
    ...{ id, object: "model", created: started, owned_by: "unmask", family },
    ...{ context_length: contextLength, vocabulary_size: vocabularySize, has_chat_template: hasChatTemplate },
    ...{ decoders, usual_decoder: usualDecoder },
  };
}
