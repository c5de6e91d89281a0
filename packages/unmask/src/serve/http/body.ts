// A request's body: JSON in UTF-8, bounded in size, time, depth and number of values before anything looks at it.

import { ApiError, badField } from "./errors.ts";
import type { Limits } from "./limits.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/** Throws an ApiError: 400, 408, 413 or 415. */
export async function readJson(request: Request, limits: Limits): Promise<JsonObject> {
  checkHeaders(request, limits);
  const text = decode(await readBytes(request, limits));
  checkCost(text, limits);
  const value = parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ApiError(400, "the body is no JSON object");
  }
  checkNames(value);
  return value as JsonObject;
}

function checkHeaders({ headers }: Request, { bodyBytes }: Limits): void {
  // Browsers ask first (CORS) before they send this type to another site.
  const type = (headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
  if (type !== "application/json") {
    throw new ApiError(415, "the content-type is not application/json", { headers: closing });
  }
  const encoding = headers.get("content-encoding") ?? "identity";
  if (encoding !== "identity") {
    throw new ApiError(415, "the body is compressed; send it plain", { headers: closing });
  }
  if (Number(headers.get("content-length") ?? 0) > bodyBytes) throw tooLarge(bodyBytes);
}

/** What is left of the body is not waited for. */
const closing = { connection: "close" };

const tooLarge = (bytes: number): ApiError =>
  new ApiError(413, `the body has more than ${bytes} bytes`, { code: "body_too_large", headers: closing });

async function readBytes({ body }: Request, { bodyBytes, bodySeconds }: Limits): Promise<Uint8Array> {
  if (body === null) return new Uint8Array(0);
  const reader = body.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new ApiError(408, `the body took longer than ${bodySeconds} s`, { headers: closing });
    timer = setTimeout(() => reject(error), bodySeconds * 1000);
  });
  try {
    while (true) {
      const { done, value } = await Promise.race([reader.read(), late]);
      if (done) return Buffer.concat(parts);
      size += value.length;
      if (size > bodyBytes) throw tooLarge(bodyBytes);
      parts.push(value);
    }
  } catch (error) {
    reader.cancel().catch(() => undefined);
    throw error instanceof ApiError ? error : new ApiError(400, "the body broke off", { headers: closing });
  } finally {
    clearTimeout(timer);
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ApiError(400, "the body is not UTF-8");
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(400, "the body is not JSON");
  }
}

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Before it is parsed: a megabyte of brackets takes JSON.parse a second, and this a few milliseconds. */
function checkCost(text: string, { bodyDepth, bodyValues }: Limits): void {
  let depth = 0;
  let values = 0;
  let isText = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === quote) isText = !isText;
    else if (isText) i += code === backslash ? 1 : 0;
    else if (code === comma) values++;
    else if (code === openList || code === openObject) {
      values++;
      if (++depth > bodyDepth) throw new ApiError(400, `the body is nested more than ${bodyDepth} deep`);
    } else if (code === closeList || code === closeObject) depth--;
  }
  if (values > bodyValues) throw new ApiError(400, `the body holds more than ${bodyValues} values`);
}

/** Of two equal keys the last counts, as in JSON.parse; the name that JavaScript has a meaning for is refused. */
function checkNames(root: object): void {
  for (let level: object[] = [root]; level.length > 0; ) {
    const entries = level.flatMap((one): [string, unknown][] => Object.entries(one));
    if (entries.some(([key]) => key === "__proto__")) throw badField("__proto__", "is no name of a field");
    level = entries.map(([, value]) => value).filter((value) => typeof value === "object" && value !== null);
  }
}
