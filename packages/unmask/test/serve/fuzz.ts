// Requests that no client of ours would send, from a seed: bodies that are nearly right, values of wrong types, nested
// junk, bytes that are no text, and odd paths and headers.

import { mulberry32 } from "../oracle/mulberry32.ts";

export interface FuzzedRequest {
  readonly path: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array<ArrayBuffer> | undefined;
}

const names = [
  ...["model", "messages", "prompt", "suffix", "max_tokens", "max_completion_tokens", "max_new_tokens", "n"],
  ...["temperature", "top_p", "stop", "seed", "stream", "stream_options", "logprobs", "top_logprobs"],
  ...["response_format", "decoder", "fidelity", "timeout", "steps", "block_length", "threshold", "cfg_scale"],
  ...["tools", "tool_choice", "user", "metadata", "logit_bias", "best_of", "echo", "remasking", "cache"],
  ...["__proto__", "constructor", "toString", "", "\u0000", "a.b", "messages.0", "🙂", "x".repeat(300)],
];

const texts = [
  ...[
    "",
    " ",
    "a",
    "one two three",
    "<|endoftext|>",
    "<|mdm_mask|>[MASK]",
    "\u0000",
    "\ud800",
    "\u202e",
    "🙂👩‍👩‍👧",
  ],
  ...[
    "\r\nset-cookie: a=b",
    "{{7*7}}",
    "{% for x in y %}",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "null",
  ],
  ...["word ".repeat(500), "(a+)+$", "NaN", "-0", "1e400", "true"],
];

const numbers = [0, -0, 1, -1, 2, 8, 0.5, 1e-9, 1e9, 2 ** 31, 2 ** 53, -(2 ** 53), 1e308, 20, 64, 65];

export class Fuzz {
  private readonly random: () => number;

  constructor(seed: number) {
    this.random = mulberry32(seed);
  }

  private below(count: number): number {
    return Math.floor(this.random() * count);
  }

  private one<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  private chance(share: number): boolean {
    return this.random() < share;
  }

  next(): FuzzedRequest {
    const paths = ["/v1/chat/completions", "/v1/completions"];
    const others = [
      "/",
      "/v1/models",
      "/v1/models/%ff",
      "/metrics",
      "/health",
      "/ready",
      "//",
      "/v1/%2e%2e/x",
      "/%00",
    ];
    const path = this.chance(0.9) ? this.one(paths) : this.one(others);
    const method =
      this.chance(0.97) && paths.includes(path) ? "POST" : this.one(["GET", "PUT", "DELETE", "OPTIONS"]);
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (this.chance(0.03))
      headers["content-type"] = this.one(["text/plain", "application/json; charset=x", "a/b"]);
    if (this.chance(0.05)) headers["x-request-id"] = this.one(["ok-1", "not ok", "x".repeat(500), "%0d%0a"]);
    if (this.chance(0.02)) headers.origin = this.one(["null", "http://evil.example", "http://localhost"]);
    if (this.chance(0.02)) headers.authorization = this.one(["Bearer", "Bearer x", "Basic eDp5"]);
    return { path, method, headers, body: method === "GET" ? undefined : this.body() };
  }

  private body(): string | Uint8Array<ArrayBuffer> {
    if (this.chance(0.03)) return Uint8Array.from({ length: this.below(200) }, () => this.below(256));
    const text = JSON.stringify(this.object()) ?? "";
    if (this.chance(0.03)) return text.slice(0, this.below(text.length));
    if (this.chance(0.02)) return `${"[".repeat(this.below(3000))}${text}`;
    if (this.chance(0.02)) return text.replace("{", '{"__proto__": {"messages": 1}, "messages": [], ');
    return text;
  }

  /** A right body with some fields changed, added or taken away. */
  private object(): Record<string, unknown> {
    const body: Record<string, unknown> = this.chance(0.5)
      ? { messages: [{ role: "user", content: this.one(texts) }] }
      : { prompt: this.one(texts) };
    if (this.chance(0.5)) body.max_tokens = 1 + this.below(8);
    const changes = this.chance(0.3) ? 0 : 1 + this.below(4);
    for (let i = 0; i < changes; i++) {
      const name = this.one(names);
      if (this.chance(0.1)) delete body[name];
      // Not `body[name] =`: the name may be __proto__.
      else
        Object.defineProperty(body, name, { value: this.value(name), enumerable: true, configurable: true });
    }
    return body;
  }

  private value(name: string): unknown {
    if (this.chance(0.5)) return this.likely(name);
    return this.junk(0);
  }

  /** What nearly fits. */
  private likely(name: string): unknown {
    const flag = this.chance(0.5);
    switch (name) {
      case "messages":
        return Array.from({ length: this.below(4) }, () => ({
          role: this.one(["system", "developer", "user", "assistant", "tool", "none"]),
          content: this.chance(0.8) ? this.one(texts) : this.junk(1),
          ...(this.chance(0.1) ? { [this.one(names)]: this.junk(1) } : {}),
        }));
      case "prompt":
        return this.one<unknown>([["a", "b"], [1, 2], [[1], [2]], [], [[]], ["a", 1], "a"]);
      case "stream":
        return flag;
      case "stream_options":
        return { include_usage: flag, ...(this.chance(0.5) ? { include_canvas: true } : { x: 1 }) };
      case "response_format":
        return this.one<unknown>([
          ...[
            { type: "text" },
            { type: "json_object" },
            { type: "regex", pattern: this.one(texts) },
            { type: 1 },
          ],
          { type: "json_schema", json_schema: { name: "a", schema: this.junk(0) } },
        ]);
      case "stop":
        return this.chance(0.5) ? this.one(texts) : [this.one(texts), this.one(texts)];
      case "decoder":
        return this.one(["low_confidence", "llada", "fast_dllm", "ancestral", "toString"]);
      case "timeout":
        return this.one([0.0001, 1, 100]);
      case "logprobs":
        return this.chance(0.5) ? flag : this.below(8);
      default:
        return this.one(numbers);
    }
  }

  private junk(depth: number): unknown {
    const kind = this.below(depth > 3 ? 5 : 7);
    if (kind === 0) return this.one(numbers);
    if (kind === 1) return this.one(texts);
    if (kind === 2) return this.chance(0.5);
    if (kind === 3) return null;
    if (kind === 4) return -this.random() * 1e6;
    if (kind === 5) return Array.from({ length: this.below(5) }, () => this.junk(depth + 1));
    return Object.fromEntries(
      Array.from({ length: this.below(5) }, () => [this.one([...names, "type"]), this.junk(depth + 1)]),
    );
  }
}
