// What must be true of the answer to any request.

import { expect } from "vitest";
import type { FuzzedRequest } from "./fuzz.ts";

export const isRight = (status: number): boolean =>
  (status >= 200 && status < 300) || (status >= 400 && status < 500);

/** Asks; what is wrong with the answer fails. Its status. */
export async function send(
  ask: (request: Request) => Response | Promise<Response>,
  { path, method, headers, body }: FuzzedRequest,
  base = "http://localhost",
): Promise<number> {
  const response = await ask(new Request(base + path, { method, headers, body: body ?? null }));
  const text = await response.text();
  const told = `${method} ${path} ${String(body).slice(0, 500)}: ${response.status} ${text.slice(0, 300)}`;
  expect(isRight(response.status), told).toBe(true);
  expect(response.headers.get("x-request-id"), told).toMatch(/^[\w.:-]{1,64}$/);
  if (response.status >= 400 && method !== "OPTIONS")
    expect(JSON.parse(text).error.message, told).toBeTruthy();
  if (response.headers.get("content-type")?.startsWith("text/event-stream")) {
    expect(text.endsWith("data: [DONE]\n\n") || text.includes('"error"'), told).toBe(true);
  }
  return response.status;
}

/** How often each was told. */
export const tally = (statuses: readonly number[]) => {
  const counts = new Map<number, number>();
  for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1);
  return counts;
};
