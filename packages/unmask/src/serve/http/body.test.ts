import { describe, expect, it } from "vitest";
import { jsonOf, testApp } from "../../../test/serve/app.ts";

const path = "/v1/chat/completions";
const hello = { messages: [{ role: "user", content: "hello" }] };

describe("a body", () => {
  it.each([
    ["is not JSON", "{"],
    ["is not JSON", ""],
    ["is not JSON", "{} {}"],
    ["is no JSON object", "3"],
    ["is no JSON object", "null"],
    ["is no JSON object", "[]"],
    ["is not UTF-8", new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])],
    ["is not UTF-8", new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ["is nested more than 64 deep", `${"[".repeat(65)}${"]".repeat(65)}`.replace(/^/, '{"a":').concat("}")],
    ["is nested more than 64 deep", `{"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}`],
    ["holds more than 50000 values", `{"a":[${"0,".repeat(60_000)}0]}`],
    ["is no name of a field", '{"__proto__": {"messages": []}}'],
    ["is no name of a field", '{"metadata": {"\\u005f_proto__": 1}}'],
  ])("that %s is a 400", async (part, body) => {
    const response = await testApp().post(path, body);
    expect(response.status).toBe(400);
    expect((await jsonOf(Promise.resolve(response))).error.message).toContain(part);
  });

  it("is judged by its values, not by brackets and commas in a text", async () => {
    const { chat } = testApp();
    const content = `${"[".repeat(1000)}${",".repeat(60_000)}"\\\\"`;
    expect((await chat({ messages: [{ role: "user", content }] })).status).toBe(200);
  });

  it("may begin with a byte order mark", async () => {
    expect((await testApp().post(path, `\ufeff${JSON.stringify(hello)}`)).status).toBe(200);
  });

  it("with equal keys counts the last, and no prototype is touched", async () => {
    const { post } = testApp();
    const body = '{"messages": 3, "messages": [{"role": "user", "content": "a"}], "constructor": null}';
    expect((await post(path, body)).status).toBe(200);
    expect(({} as { messages?: unknown }).messages).toBeUndefined();
  });

  it("of another type, or compressed, is a 415", async () => {
    const { post } = testApp();
    const text = JSON.stringify(hello);
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"]) {
      expect((await post(path, text, { headers: { "content-type": type } })).status, type).toBe(415);
    }
    const right = { headers: { "content-type": "Application/JSON; charset=utf-8" } };
    expect((await post(path, text, right)).status).toBe(200);
    expect((await post(path, text, { headers: { "content-encoding": "gzip" } })).status).toBe(415);
  });

  it("that is too large is a 413, told or counted", async () => {
    const { app, post } = testApp({ limits: { bodyBytes: 1000 } });
    const headers = { "content-type": "application/json" };
    expect((await post(path, hello, { headers: { "content-length": "1001" } })).status).toBe(413);
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        sent++;
        controller.enqueue(new TextEncoder().encode(" ".repeat(100)));
      },
    });
    const response = await app.request(path, {
      method: "POST",
      headers,
      body,
      duplex: "half",
    } as RequestInit);
    expect(response.status).toBe(413);
    expect(response.headers.get("connection")).toBe("close");
    expect(sent).toBeLessThan(20);
  });

  it("that does not come is a 408", async () => {
    const { app } = testApp({ limits: { bodySeconds: 0.05 } });
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode("{")),
    });
    const headers = { "content-type": "application/json" };
    const response = await app.request(path, {
      method: "POST",
      headers,
      body,
      duplex: "half",
    } as RequestInit);
    expect(response.status).toBe(408);
  });
});
