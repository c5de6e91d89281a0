import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { testApp } from "../../../test/serve/app.ts";
import { ScriptedEngine } from "../scripted-engine.ts";
import { hostsFor, readKeys } from "./access.ts";

const folder = mkdtempSync(join(tmpdir(), "unmask-keys-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("keys", () => {
  const { app, chat, get } = testApp({ access: { keys: ["first-key", "second"] } });
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

  it("open what they are for, any of them", async () => {
    for (const key of ["first-key", "second"]) {
      expect((await chat({}, { headers: bearer(key) })).status).toBe(200);
      expect((await get("/v1/models", bearer(key))).status).toBe(200);
      expect((await get("/metrics", bearer(key))).status).toBe(200);
    }
  });

  it.each(["", "first-ke", "first-keyx", "FIRST-KEY", "second first-key", "Bearer second"])(
    "%j does not",
    async (key) => {
      const response = await chat({}, { headers: bearer(key) });
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
      expect(await response.json()).toMatchObject({ error: { code: "invalid_api_key" } });
    },
  );

  it("are asked for before a body is read, and not for health", async () => {
    expect((await app.request("/v1/chat/completions", { method: "POST", body: "{" })).status).toBe(401);
    for (const path of ["/v1/models", "/v1/models/scripted", "/metrics", "/v1/completions"]) {
      expect((await get(path)).status, path).toBe(401);
    }
    for (const path of ["/health", "/ready"]) expect((await get(path)).status, path).toBe(200);
  });

  it("come from a file, one a line", () => {
    const file = join(folder, "keys");
    writeFileSync(file, "# ours\none\r\n\n  two \n");
    expect(readKeys(file)).toEqual(["one", "two"]);
    writeFileSync(file, "# none\n");
    expect(() => readKeys(file)).toThrow(/holds no key/);
    expect(() => readKeys(join(folder, "nowhere"))).toThrow(/ENOENT/);
  });
});

describe("the Host header", () => {
  it("must be a name of this machine where only this machine can ask", async () => {
    const { get } = testApp({ access: { hosts: hostsFor("127.0.0.1", ["box.local"]) } });
    for (const host of ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST", "box.local:1"]) {
      expect((await get("/health", { host })).status, host).toBe(200);
    }
    for (const host of [
      "evil.example:8000",
      "localhost.evil.example",
      "",
      "127.0.0.1.nip.io",
      "a, localhost",
    ]) {
      expect((await get("/v1/models", { host })).status, host).toBe(403);
      expect((await get("/", { host })).status, host).toBe(403);
    }
  });

  it("may be any on an open address, unless names are given", () => {
    expect(hostsFor("0.0.0.0", [])).toBeUndefined();
    expect(hostsFor("0.0.0.0", ["api.example"])).toEqual(["api.example"]);
  });
});

describe("pages of other sites", () => {
  const origin = "https://page.example";

  it("may not ask", async () => {
    const engine = new ScriptedEngine();
    const { app, chat } = testApp({ engine });
    for (const one of [origin, "null", "http://localhost:9000"]) {
      const response = await chat({}, { headers: { origin: one, host: "localhost:8000" } });
      expect(response.status, one).toBe(403);
      expect(response.headers.get("access-control-allow-origin")).toBeNull();
    }
    const asked = await app.request("/v1/chat/completions", { method: "OPTIONS", headers: { origin } });
    expect(asked.status).toBe(403);
    expect(engine.requests).toEqual([]);
  });

  it("may where they are allowed, errors included", async () => {
    const { app, chat } = testApp({ access: { origins: [origin], keys: ["k"] } });
    const asked = await app.request("/v1/chat/completions", { method: "OPTIONS", headers: { origin } });
    expect(asked.status).toBe(204);
    expect(asked.headers.get("access-control-allow-origin")).toBe(origin);
    expect(asked.headers.get("access-control-allow-headers")).toContain("authorization");
    const response = await chat({}, { headers: { origin, authorization: "Bearer k" } });
    expect(response.status).toBe(200);
    expect(response.headers.get("access-control-allow-origin")).toBe(origin);
    expect(response.headers.get("vary")).toBe("origin");
    const refused = await chat({}, { headers: { origin } });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("access-control-allow-origin")).toBe(origin);
  });

  it("of this server are no others", async () => {
    const { chat } = testApp();
    const headers = { origin: "http://localhost:8000", host: "localhost:8000" };
    expect((await chat({}, { headers })).status).toBe(200);
  });
});
