// Where the hub is, who asks, and where its files are kept: the environment variables of huggingface_hub for Python,
// so that a machine set up for one is set up for the other. Written here because @huggingface/hub reads its cache
// folder from process.env only, and knows neither HF_ENDPOINT, HF_TOKEN nor HF_HUB_OFFLINE in Node.

import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";

export interface HubSettings {
  /** Without a slash at the end; may have a path (a mirror behind a proxy). */
  endpoint: string;
  /** Sent to the endpoint's own origin only. */
  token: string | undefined;
  cacheFolder: string;
  offline: boolean;
  /** False: plain files in the snapshots, as where the file system has no symbolic links. */
  symlinks: boolean;
  /** A request that brings nothing for so long is given up and tried again. */
  timeoutMs: number;
  /** Tries in a row that bring nothing new before a transfer is given up. */
  attempts: number;
  /** Pause before the second try; it doubles with each further one. */
  retryDelayMs: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Throws a ConfigError that names the variable. */
export function hubSettings(environment: Environment = process.env): HubSettings {
  const path = (text: string) => resolve(expand(text, environment));
  const xdg = set(environment.XDG_CACHE_HOME) ?? join(homedir(), ".cache");
  const home = path(set(environment.HF_HOME) ?? join(xdg, "huggingface"));
  const cache = set(environment.HF_HUB_CACHE) ?? set(environment.HUGGINGFACE_HUB_CACHE);
  return {
    endpoint: readEndpoint(set(environment.HF_ENDPOINT) ?? "https://huggingface.co"),
    token: readToken(environment, path(set(environment.HF_TOKEN_PATH) ?? join(home, "token"))),
    cacheFolder: path(cache ?? join(home, "hub")),
    offline: isTrue(set(environment.HF_HUB_OFFLINE) ?? environment.TRANSFORMERS_OFFLINE),
    symlinks: !isTrue(environment.HF_HUB_DISABLE_SYMLINKS),
    timeoutMs: readSeconds(environment, "HF_HUB_DOWNLOAD_TIMEOUT", 10) * 1000,
    attempts: 5,
    retryDelayMs: 500,
  };
}

const set = (value: string | undefined) => (value === undefined || value === "" ? undefined : value);

const isTrue = (value: string | undefined) =>
  ["1", "true", "yes", "on"].includes((value ?? "").toLowerCase());

/** `~` and `$NAME`: container images set variables without a shell that would expand them. */
function expand(text: string, environment: Environment): string {
  const filled = text.replace(/\$(?:(\w+)|\{(\w+)\})/g, (whole, bare, braced) => {
    return environment[bare ?? braced] ?? whole;
  });
  return filled === "~" || filled.startsWith("~/") ? join(homedir(), filled.slice(1)) : filled;
}

function readEndpoint(text: string): string {
  const example = "expected an address such as https://huggingface.co";
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new ConfigError(
      `HF_ENDPOINT is ${JSON.stringify(text)}, ${example}`,
      { endpoint: text },
      { cause },
    );
  }
  // Not shown, as it holds a password.
  if (url.username !== "" || url.password !== "")
    throw new ConfigError(
      `HF_ENDPOINT holds a user name or password, ${example}; put the token into HF_TOKEN`,
    );
  if (!["http:", "https:"].includes(url.protocol) || url.search !== "" || url.hash !== "")
    throw new ConfigError(`HF_ENDPOINT is ${JSON.stringify(text)}, ${example}`, { endpoint: text });
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
}

function readToken(environment: Environment, file: string): string | undefined {
  const given = set(environment.HF_TOKEN) ?? set(environment.HUGGING_FACE_HUB_TOKEN);
  if (given !== undefined) return cleanToken(given, "HF_TOKEN");
  if (isTrue(environment.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  try {
    return cleanToken(readFileSync(file, "utf8"), file);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new ConfigError(
      `${file}: the token cannot be read (${code}); mend its permissions or set HF_TOKEN`,
      { file },
      { cause },
    );
  }
}

/** A token with a stray character is refused here: an HTTP library would print it in its own complaint. */
function cleanToken(text: string, source: string): string | undefined {
  const token = text.trim();
  if (token === "") return undefined;
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new ConfigError(
    `${source}: the token has spaces or other characters that no token has; copy it again`,
  );
}

function readSeconds(environment: Environment, name: string, otherwise: number): number {
  const text = set(environment[name]);
  if (text === undefined) return otherwise;
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds > 0) return seconds;
  throw new ConfigError(`${name} is ${JSON.stringify(text)}, expected a number of seconds above 0`);
}
