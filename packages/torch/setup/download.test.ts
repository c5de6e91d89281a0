import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Archive, officialArchive, server as officialServer } from "./archives.mjs";
import { type Context, parseOptions } from "./context.mjs";
import { downloadArchive, provideDownload } from "./download.mjs";
import { realHost } from "./host.mjs";

let folder: string;
let bytes: Buffer;
let listening: Server;
/** Range headers of the requests that came, "" for one without. */
let requests: string[];
/** What the server does with the next requests. */
let behaviour: "serve" | "cut" | "missing";

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "download-"));
  bytes = zipOfLibtorch(folder);
  [requests, behaviour] = [[], "serve"];
  listening = createServer((request, response) => {
    requests.push(request.headers.range ?? "");
    if (behaviour === "missing") return response.writeHead(404).end();
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const body = bytes.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, { "content-length": body.length });
    if (behaviour === "serve") return response.end(body);
    return response.write(body.subarray(0, 100), () => setTimeout(() => response.destroy(), 200));
  });
  await new Promise<void>((done) => listening.listen(0, "127.0.0.1", done));
});

afterEach(() => {
  listening.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The files by which a libtorch is recognised, in a zip like the official ones. */
function zipOfLibtorch(root: string): Buffer {
  const files = {
    "include/ATen/ATen.h": "",
    "share/cmake/Torch/TorchConfig.cmake": 'set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=1")\n',
    "share/cmake/Torch/TorchConfigVersion.cmake": 'set(PACKAGE_VERSION "2.10.0")\n',
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, "libtorch", name, ".."), { recursive: true });
    writeFileSync(join(root, "libtorch", name), text);
  }
  execFileSync("cmake", ["-E", "tar", "cf", "made-up.zip", "--format=zip", "libtorch"], { cwd: root });
  return readFileSync(join(root, "made-up.zip"));
}

function archive(change: Partial<Archive> = {}): Archive {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { version: "2.10.0+cpu", path: "cpu/made-up-2.10.0%2Bcpu.zip", sha256, size: "1 kB", ...change };
}

function context(): Context & { said: string[] } {
  const address = `http://127.0.0.1:${(listening.address() as AddressInfo).port}/libtorch/`;
  const env = { UNMASK_CACHE: join(folder, "cache"), UNMASK_LIBTORCH_MIRROR: address };
  const said: string[] = [];
  const say = (line: string) => void said.push(line);
  const host = { ...realHost(), env };
  return {
    said,
    state: folder,
    torch: folder,
    host,
    options: parseOptions([]),
    say,
    exclusive: async () => {},
  };
}

const waiting = () => readdirSync(join(folder, "cache", "download"));

describe("an archive", () => {
  test("is fetched, checked, unpacked and found; and not fetched twice", async () => {
    const here = context();
    const found = await downloadArchive(here, archive());
    expect(found).toMatchObject({ kind: "cache", version: "2.10.0", cxx11Abi: true });
    expect(found.prefix).toBe(join(folder, "cache", "libtorch"));
    expect(here.said[0]).toMatch(/^fetching http:.*cpu\/made-up-2.10.0%2Bcpu.zip \(1 kB\)$/);
    await downloadArchive(here, archive());
    expect(requests).toEqual([""]);
    expect(waiting()).toEqual([]);
  });

  test("takes the place of another one", async () => {
    await downloadArchive(context(), archive());
    writeFileSync(join(folder, "cache", "libtorch", "old"), "");
    await downloadArchive(context(), archive({ version: "2.10.0+cu128", path: "cu128/other.zip" }));
    expect(existsSync(join(folder, "cache", "libtorch", "old"))).toBe(false);
  });

  test("goes on where a transfer broke off", async () => {
    behaviour = "cut";
    await expect(downloadArchive(context(), archive())).rejects.toThrow(
      /broke off .* the same command goes on/,
    );
    behaviour = "serve";
    expect((await downloadArchive(context(), archive())).version).toBe("2.10.0");
    expect(requests).toEqual(["", "bytes=100-"]);
  });

  test("of another content is refused with both checksums, and deleted", async () => {
    const wanted = archive();
    bytes = Buffer.from(bytes.map((byte, at) => (at === 50 ? byte ^ 1 : byte)));
    await expect(downloadArchive(context(), wanted)).rejects.toThrow(`and ${wanted.sha256} is expected`);
    expect(waiting()).toEqual([]);
    expect(existsSync(join(folder, "cache", "libtorch"))).toBe(false);
  });

  test("that is not there, or a server that is not", async () => {
    behaviour = "missing";
    await expect(downloadArchive(context(), archive())).rejects.toThrow(/cpu.zip answered 404/);
    const nowhere = context();
    await new Promise((done) => listening.close(done));
    await expect(downloadArchive(nowhere, archive())).rejects.toThrow(/cannot be reached \(.*ECONNREFUSED/);
  });
});

describe("the official archives", () => {
  const builds = (platform: string, arch: string) => [
    officialArchive({ platform, arch }, "cpu"),
    officialArchive({ platform, arch }, "cuda"),
  ];

  test("have an address and a checksum", () => {
    expect(officialServer).toBe("https://download.pytorch.org/libtorch");
    for (const one of [...builds("linux", "x64"), builds("darwin", "arm64")[0]]) {
      expect(one?.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(one?.path).toMatch(/^(cpu|cu\d+)\/libtorch-[\w.%-]+\.zip$/);
    }
  });

  test("are not to be had for every machine, which is said with what is", async () => {
    expect(builds("linux", "arm64")).toEqual([undefined, undefined]);
    const here = context();
    const elsewhere = { ...here, host: { ...here.host, platform: "linux", arch: "arm64" } };
    await expect(provideDownload(elsewhere, "cuda")).rejects.toThrow(
      /"cuda" for linux-arm64; .*pip install torch/,
    );
  });
});
