// One request to the hub: the token for the hub only, redirects, silence, and what a bad answer means.
//
// Written here because the functions of @huggingface/hub give fetch no time limit, try once, and insist on tokens
// that begin with "hf_", which those of mirrors do not. They are given `hubFetch` instead of fetch.

import { UnmaskError } from "../base/errors.ts";
import { readRetryAfter, retrying, Transient } from "./retry.ts";
import type { HubSettings } from "./settings.ts";

/** An answer that will not change by asking again; `explain` in refusal.ts makes a sentence of it. */
export class Refused extends Error {
  readonly status: number;
  /** The hub's own word for the reason: RepoNotFound, RevisionNotFound, EntryNotFound, GatedRepo. */
  readonly code: string | undefined;
  readonly reason: string | undefined;

  constructor({ status, headers }: Response) {
    super(`status ${status}`);
    this.status = status;
    this.code = headers.get("x-error-code") ?? undefined;
    // The server's words: kept short, and free of what would move a terminal's cursor.
    this.reason = headers
      .get("x-error-message")
      ?.replace(/[^\x20-\x7e]/g, " ")
      .slice(0, 200);
  }
}

export interface RequestOptions {
  settings: HubSettings;
  signal?: AbortSignal | undefined;
}

/** Ends a request that the caller gave up, or that brought nothing for the time limit. */
export class Watchdog {
  readonly #controller = new AbortController();
  readonly #timeoutMs: number;
  readonly #outer: AbortSignal | undefined;
  readonly #give = () => this.#controller.abort(this.#outer?.reason);
  #timer: NodeJS.Timeout | undefined;
  #hasTimedOut = false;

  constructor({ settings, signal }: RequestOptions) {
    this.#timeoutMs = settings.timeoutMs;
    this.#outer = signal;
    if (signal?.aborted) this.#give();
    signal?.addEventListener("abort", this.#give, { once: true });
    this.touch();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something came: the time begins again. */
  touch(): void {
    if (this.#timer !== undefined) {
      this.#timer.refresh();
      return;
    }
    this.#timer = setTimeout(() => {
      this.#hasTimedOut = true;
      this.#controller.abort();
    }, this.#timeoutMs);
  }

  /** Also ends a body that nobody reads any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#give);
    this.#controller.abort();
  }

  /** What went wrong in fetch or in a body, in our words. */
  failure(error: unknown, host: string): unknown {
    if (this.#outer?.aborted) return this.#outer.reason;
    if (error instanceof UnmaskError || error instanceof Refused || error instanceof Transient) return error;
    if (this.#hasTimedOut)
      return new Transient(`${host} sent nothing for ${this.#timeoutMs / 1000} s (HF_HUB_DOWNLOAD_TIMEOUT)`);
    return connectionFailure(error, host);
  }
}

function connectionFailure(error: unknown, host: string): Error {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  const reason = cause?.code ?? cause?.message ?? message;
  if (/CERT|SELF_SIGNED|ERR_TLS|ERR_SSL/.test(reason)) {
    const advice = "set NODE_EXTRA_CA_CERTS if a proxy signs its own";
    return new UnmaskError(
      `${host}: its certificate is not trusted (${reason}); ${advice}`,
      {},
      { cause: error },
    );
  }
  return new Transient(`the connection to ${host} failed (${reason})`, { cause: error });
}

const mostRedirects = 10;

/**
 * Sends one GET and follows redirects. The token goes to the endpoint's origin only: a file of the hub lies on
 * another host, whose address is signed and which must not learn it. Throws Refused or Transient.
 */
export async function open(
  address: string,
  headers: Record<string, string>,
  { settings, watchdog }: { settings: HubSettings; watchdog: Watchdog },
): Promise<Response> {
  const home = new URL(settings.endpoint).origin;
  let url = new URL(address);
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const authorization =
      url.origin === home && settings.token !== undefined
        ? { authorization: `Bearer ${settings.token}` }
        : {};
    let response: Response;
    try {
      response = await fetch(url, {
        headers: { "user-agent": "unmask", ...headers, ...authorization },
        redirect: "manual",
        signal: watchdog.signal,
      });
    } catch (error) {
      throw watchdog.failure(error, url.host);
    }
    watchdog.touch();
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || location === null) return judge(response, url);
    await response.body?.cancel();
    url = redirected(location, url);
  }
  throw new UnmaskError(
    `${new URL(address).host} redirects in a circle; check HF_ENDPOINT (${settings.endpoint})`,
  );
}

function redirected(location: string, from: URL): URL {
  let url: URL | undefined;
  try {
    url = new URL(location, from);
  } catch {
    // falls through to the message below
  }
  if (url !== undefined && ["http:", "https:"].includes(url.protocol)) return url;
  throw new UnmaskError(`${from.host} redirects to something that is no address; check HF_ENDPOINT`);
}

async function judge(response: Response, { host }: URL): Promise<Response> {
  if (response.ok) return response;
  const { status, headers } = response;
  await response.body?.cancel();
  // 416 is the download's business: the partial file is too long.
  if (status === 408 || status === 429 || (status >= 500 && status !== 501)) {
    throw new Transient(`${host} answered ${status}`, {
      retryAfterMs: readRetryAfter(headers.get("retry-after")),
    });
  }
  throw new Refused(response);
}

/** Like fetch, for small answers of the hub's programming interface: whole, with retries, and never without a limit. */
export function hubFetch(what: string, { settings, signal }: RequestOptions): typeof fetch {
  return (input, init) =>
    retrying(
      async () => {
        const address = input instanceof Request ? input.url : String(input);
        const watchdog = new Watchdog({ settings, signal });
        try {
          const accept = new Headers(init?.headers).get("accept") ?? "application/json";
          const response = await open(address, { accept }, { settings, watchdog });
          const { status, headers } = response;
          const text = await response.text();
          return new Response(text, { status, headers: plainHeaders(headers) });
        } catch (error) {
          throw watchdog.failure(error, new URL(address).host);
        } finally {
          watchdog.stop();
        }
      },
      { settings, signal, what },
    );
}

/** The body is decoded already. */
function plainHeaders(headers: Headers): Headers {
  const plain = new Headers(headers);
  for (const name of ["content-encoding", "content-length", "transfer-encoding"]) plain.delete(name);
  return plain;
}
