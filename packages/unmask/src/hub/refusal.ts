// What a refused request means, in one sentence that says how to mend it.
//
// The hub hides whether a private repository exists: without a token it answers 401 for one that is missing, and
// tells the reasons apart in the header X-Error-Code only.

import { CheckpointError, DataError, UnmaskError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import { pageOf, type RepositoryKind } from "./names.ts";
import { hubFetch, Refused } from "./request.ts";
import type { HubSettings } from "./settings.ts";

export interface Asked {
  id: string;
  kind: RepositoryKind;
  revision: string;
  file?: string;
  settings: HubSettings;
  signal?: AbortSignal | undefined;
}

/** For what is wrong with a repository itself. */
export const repositoryError = (kind: RepositoryKind): typeof CheckpointError | typeof DataError =>
  kind === "dataset" ? DataError : CheckpointError;

/** The error that the user sees; anything but a refusal comes back as it is. */
export async function explain(error: unknown, asked: Asked): Promise<unknown> {
  if (!(error instanceof Refused)) return error;
  const { status, code } = error;
  const { id, revision, file } = asked;
  const message = await sentence(error, asked);
  const Kind = repositoryError(asked.kind);
  return new Kind(message, { id, revision, file, status, code }, { cause: error });
}

async function sentence({ status, code, reason }: Refused, asked: Asked): Promise<string> {
  const { id, kind, revision, file, settings } = asked;
  const { endpoint, token } = settings;
  const page = `${endpoint}/${pageOf(id, kind)}`;
  const hasToken = token !== undefined;
  if (code === "GatedRepo" || (status === 403 && /gated|accept/i.test(reason ?? ""))) {
    const who = hasToken
      ? "the account of your token has no access to it"
      : "it needs an account, and no token is set";
    return `${id} is gated: ${who}; accept the licence on ${page} and set HF_TOKEN to a token of that account`;
  }
  if (status === 401 && hasToken && code !== "RepoNotFound")
    return `${endpoint} does not accept your token (HF_TOKEN, or the file of HF_TOKEN_PATH); make a new one on ${endpoint}/settings/tokens`;
  if (code === "RevisionNotFound") {
    return `${id} has no revision ${JSON.stringify(revision)}${await nearRevision(asked)}; give a branch, a tag or a commit of that ${kind}`;
  }
  if (code === "EntryNotFound")
    return `${id} has no file ${file ?? ""} at revision ${revision}; check the spelling`;
  if (status === 404 || status === 401) {
    const hint = hasToken ? "your token's account must be allowed to read it" : "set HF_TOKEN";
    return `${endpoint} has no ${kind} ${JSON.stringify(id)}${await nearId(asked)}; check the spelling, and if it is private or gated, ${hint}`;
  }
  const words = reason === undefined || reason === "" ? "" : ` (${reason})`;
  const advice = status === 403 ? "the token (HF_TOKEN) needs the right to read it" : `see ${page}`;
  return `${id}: ${endpoint} answered ${status}${words} to ${file ?? "the request for its files"}; ${advice}`;
}

/** A guess must not cost the user more than a moment: one try, and no answer is no guess. */
async function ask(path: string, { settings, signal }: Asked): Promise<unknown> {
  try {
    const quick = { ...settings, attempts: 1, timeoutMs: Math.min(settings.timeoutMs, 3000) };
    const response = await hubFetch("spelling", { settings: quick, signal })(`${settings.endpoint}${path}`);
    return await response.json();
  } catch (error) {
    if (error instanceof UnmaskError || error instanceof Refused || error instanceof SyntaxError)
      return undefined;
    throw error;
  }
}

async function nearRevision(asked: Asked): Promise<string> {
  const refs = (await ask(`/api/${asked.kind}s/${asked.id}/refs`, asked)) as
    | Record<string, { name?: unknown }[]>
    | undefined;
  const names = [refs?.branches, refs?.tags].flatMap((list) => (Array.isArray(list) ? list : []));
  return didYouMean(asked.revision, names.map(({ name }) => name).filter(isShown));
}

async function nearId(asked: Asked): Promise<string> {
  const words = asked.id.split("/").at(-1) ?? "";
  const found = await ask(`/api/${asked.kind}s?search=${encodeURIComponent(words)}&limit=20`, asked);
  const ids = Array.isArray(found) ? found.map((one: { id?: unknown } | null) => one?.id) : [];
  return didYouMean(asked.id, ids.filter(isShown));
}

const isShown = (name: unknown): name is string => typeof name === "string" && /^[\w./-]{1,200}$/.test(name);
