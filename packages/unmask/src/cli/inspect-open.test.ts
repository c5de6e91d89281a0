import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { byteTokenizer } from "../text/new-tokenizer.ts";
import { encodeTrajectories } from "../trajectory/file.ts";
import { openVerb } from "./inspect-open.ts";
import { openFiles } from "./inspect-open-files.ts";
import { fileServer } from "./inspect-open-server.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-inspect-open-"));
const tokenizer = byteTokenizer();
const header = {
  ...{ model: "m", model_hash: "", tokenizer_hash: tokenizer.hash, template_hash: "", decoder: "dream" },
  ...{ options: {}, fidelity: "corrected", seed: 1, mask_id: 3, end_ids: [] },
};
mkdirSync(join(root, "run/trajectories/deep/deeper"), { recursive: true });
const files = {
  "run/metrics.jsonl": '{"type":"step","step":1}\n',
  "run/results.json": '{"results":{}}',
  "run/secret.txt": "mine",
  "run/trajectories/a.parquet": encodeTrajectories(header, []),
  "run/trajectories/b.parquet": encodeTrajectories({ ...header, tokenizer_hash: "other" }, []),
};
for (const [name, content] of Object.entries(files)) writeFileSync(join(root, name), content);
writeFileSync(join(root, "run/trajectories/deep/deeper/c.parquet"), files["run/trajectories/a.parquet"]);

const pages = new Map([
  [
    "/index.html",
    { bytes: new TextEncoder().encode("<!doctype html>"), type: "text/html", tag: '"1"', isLasting: false },
  ],
]);
const server = fileServer({ pages, files: openFiles(join(root, "run")), token: "token", tokenizer });
let port = 0;
beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.close();
  rmSync(root, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}

/** Paths go out as they are, without being tidied. */
const get = (path: string, { method = "GET", host = "127.0.0.1" } = {}): Promise<Answer> =>
  new Promise((done, fail) => {
    const asked = request({ host: "127.0.0.1", port, path, method, headers: { host } }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => done({ status: response.statusCode ?? 0, text, headers: response.headers }));
    });
    asked.on("error", fail).end();
  });

describe("what is opened", () => {
  it("is the file, or of a folder all that unmask writes into one", () => {
    expect(openFiles(join(root, "run")).map(({ name, follows }) => [name, follows])).toEqual([
      ["run/metrics.jsonl", true],
      ["run/results.json", false],
      ["run/trajectories/a.parquet", false],
      ["run/trajectories/b.parquet", false],
      ["run/trajectories/deep/deeper/c.parquet", false],
    ]);
    expect(openFiles(join(root, "run/secret.txt")).map(({ name }) => name)).toEqual(["secret.txt"]);
  });

  it("is refused where it is not there, or nothing is in it", async () => {
    const flags = { browser: false };
    await expect(openVerb([], flags)).rejects.toThrow("no file is named");
    await expect(openVerb([join(root, "none")], flags)).rejects.toThrow("none: no such file");
    mkdirSync(join(root, "empty"));
    await expect(openVerb([join(root, "empty")], flags)).rejects.toThrow("a folder without trajectories");
  });
});

describe("the server", () => {
  it("gives out the page and the named files, under its token alone", async () => {
    const page = await get("/token/");
    expect([page.status, page.text]).toEqual([200, "<!doctype html>"]);
    expect(page.headers["content-security-policy"]).toContain("default-src 'none'");
    expect(page.headers["referrer-policy"]).toBe("no-referrer");
    const session = JSON.parse((await get("/token/session.json")).text);
    expect(session.live).toBe(false);
    expect(session.files[0]).toEqual({ name: "run/metrics.jsonl", follows: true, url: "files/0" });
    expect((await get("/token/files/1")).text).toBe(files["run/results.json"]);
    for (const path of ["/", "/index.html", "/session.json", "/toke/", "/token2/session.json", "/TOKEN/"]) {
      expect((await get(path)).status, path).toBe(404);
    }
  });

  it("leads nowhere else, whatever the path", async () => {
    for (const path of [
      ...["/token/files/99", "/token/files/-1", "/token/files/0x1", "/token/files/..%2f..%2fetc%2fpasswd"],
      ...[
        "/token/../run/secret.txt",
        "/token/secret.txt",
        "/token//etc/passwd",
        "/token/files/",
        "/token/__proto__",
      ],
    ]) {
      expect((await get(path)).status, path).toBe(404);
    }
    expect((await get("/token/", { host: "evil.example" })).status).toBe(403);
    expect((await get("/token/", { method: "POST" })).status).toBe(405);
    expect(await get("/token/", { method: "HEAD" })).toMatchObject({ status: 200, text: "" });
  });

  it("gives what a file has gained, and all of it where it was begun anew", async () => {
    const path = join(root, "run/metrics.jsonl");
    const first = (await get("/token/files/0")).text;
    appendFileSync(path, "more\n");
    const gained = await get(`/token/files/0?from=${first.length}`);
    expect([gained.text, gained.headers["x-begins-at"]]).toEqual(["more\n", String(first.length)]);
    writeFileSync(path, "new\n");
    const anew = await get(`/token/files/0?from=${first.length + 5}`);
    expect([anew.text, anew.headers["x-begins-at"]]).toEqual(["new\n", "0"]);
  });

  it("knows the texts of tokens where the model is named that wrote them", async () => {
    const { texts } = JSON.parse((await get("/token/files/2/texts")).text);
    expect(Object.keys(texts)).toEqual(["3"]);
    expect((await get("/token/files/3/texts")).status).toBe(409);
  });
});
