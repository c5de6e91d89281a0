import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseOptions, summary } from "../packages/torch/setup/context.mjs";
import type { Answer, Host } from "../packages/torch/setup/host.mjs";
import { findLibtorch } from "../packages/torch/setup/libtorch.mjs";
import { acquireLock } from "../packages/torch/setup/lock.mjs";
import { firstErrors } from "../packages/torch/setup/native.mjs";
import { isDebian, multiarch, parseOsRelease } from "../packages/torch/setup/os-release.mjs";
import { missingForSandbox, provideSandbox } from "../packages/torch/setup/sandbox.mjs";
import {
  filesBelow,
  hashContents,
  hashTimes,
  isStamped,
  readStamp,
  writeStamp,
} from "../packages/torch/setup/stamp.mjs";
import {
  aptAccess,
  handInstructions,
  hasSlowBlas,
  missingPackages,
} from "../packages/torch/setup/system.mjs";
import { atLeast } from "../packages/torch/setup/version.mjs";
import { sameTree } from "./setup/packages.mjs";
import { copyTree } from "./torch2/copy.mjs";
import { debianMirror, parseDeb822, parseOneLine } from "./torch2/mirror.mjs";

const debian = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n';
const mint = "NAME='Linux Mint'\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n";
const fedora = "ID=fedora\n";

interface Machine {
  env?: Record<string, string>;
  files?: Record<string, string>;
  links?: Record<string, string>;
  programs?: Record<string, Partial<Answer>>;
  root?: boolean;
  arch?: string;
}

/** A made-up machine: what is not listed does not exist. */
function machine({
  env = {},
  files = {},
  links = {},
  programs = {},
  root = false,
  arch = "x64",
}: Machine): Host {
  return {
    env: { PATH: "/usr/local/bin:/usr/bin", ...env },
    platform: "linux",
    glibc: true,
    arch,
    home: "/home/ada",
    root,
    exists: (path) => path in files || path in links || path in programs,
    read: (path) => files[path],
    realpath: (path) => links[path] ?? path,
    modified: (path) => (path in files ? 1 : undefined),
    ask: (program, args) => {
      const answer = programs[program] ?? programs[[program, ...args].join(" ")];
      return { status: answer === undefined ? null : 0, stdout: "", stderr: "", ...answer };
    },
  };
}

function libtorchFiles(prefix: string, version: string, config = `${prefix}/share/cmake/Torch`) {
  return {
    [`${prefix}/include/ATen/ATen.h`]: "",
    [`${config}/TorchConfig.cmake`]: "",
    [`${config}/TorchConfigVersion.cmake`]: `set(PACKAGE_VERSION "${version}")\n`,
  };
}

function python(version: string, folder: string): Partial<Answer> {
  const told = { watch: [`${folder}/..`], version, cmake: `${folder}/share/cmake`, abi: true };
  return { stdout: `a warning of somebody's\n${JSON.stringify(told)}\n` };
}

const withoutTorch: Partial<Answer> = { stdout: JSON.stringify({ watch: [], error: "it has no PyTorch" }) };

describe("os-release", () => {
  test("quotes, escapes and comments", () => {
    const text = '# comment\nNAME="A \\"B\\" \\$C"\nID=x\n  ID_LIKE=\'y z\'\nbroken\n';
    expect(parseOsRelease(text)).toEqual({ NAME: 'A "B" $C', ID: "x", ID_LIKE: "y z" });
  });

  test("Debian and what descends from it", () => {
    const on = (text: string) => isDebian(machine({ files: { "/etc/os-release": text } }));
    expect([on(debian), on(mint), on(fedora)]).toEqual([true, true, false]);
    expect(isDebian(machine({ files: { "/usr/lib/os-release": debian } }))).toBe(true);
    expect(isDebian(machine({}))).toBe(false);
  });

  test("library folders by architecture", () => {
    expect([multiarch("x64"), multiarch("arm64")]).toEqual(["x86_64-linux-gnu", "aarch64-linux-gnu"]);
  });
});

test("versions are compared by their numbers", () => {
  for (const good of ["1.13", "1.13.0a0", "1.13.1+dfsg-4", "2.0", "2.6.0+cu124", "v2.10.0", "10"])
    expect(atLeast(good, "1.13"), good).toBe(true);
  for (const old of ["1.12.1", "1.9", "0.13", "", "main"]) expect(atLeast(old, "1.13"), old).toBe(false);
});

describe("finding libtorch", () => {
  const system = libtorchFiles("/usr", "1.13.0", "/usr/lib/x86_64-linux-gnu/cmake/Torch");

  test("the order: LIBTORCH, venv, conda, python3, /usr/bin/python3, system, cache", () => {
    const sources: [string, Machine][] = [
      ["LIBTORCH", { env: { LIBTORCH: "/opt/a" }, files: libtorchFiles("/opt/a", "2.1.0") }],
      [
        "venv",
        {
          env: { VIRTUAL_ENV: "/venv" },
          programs: { "/venv/bin/python": python("2.2.0", "/venv/torch") },
          files: libtorchFiles("/venv/torch", "2.2.0"),
        },
      ],
      [
        "conda",
        {
          env: { CONDA_PREFIX: "/conda" },
          programs: { "/conda/bin/python": python("2.3.0", "/conda/torch") },
          files: libtorchFiles("/conda/torch", "2.3.0"),
        },
      ],
      [
        "python",
        {
          programs: { "/usr/local/bin/python3": python("2.4.0", "/local/torch") },
          files: libtorchFiles("/local/torch", "2.4.0"),
        },
      ],
      [
        "system-python",
        {
          programs: { "/usr/bin/python3": python("2.5.0", "/py/torch") },
          files: libtorchFiles("/py/torch", "2.5.0"),
        },
      ],
      ["system", { files: system }],
      ["cache", { files: libtorchFiles("/home/ada/.cache/unmask/libtorch", "2.7.0") }],
    ];
    for (const [at, [kind]] of sources.entries()) {
      const rest = sources.slice(at).map(([, one]) => one);
      const all: Machine = {
        env: Object.assign({ PATH: "/usr/local/bin" }, ...rest.map(({ env }) => env)),
        files: Object.assign({}, ...rest.map(({ files }) => files)),
        programs: Object.assign({}, ...rest.map(({ programs }) => programs)),
      };
      expect(findLibtorch(machine(all)).found?.kind).toBe(kind);
    }
  });

  test("the system's, beside a python3 whose PyTorch has no headers", () => {
    const found = findLibtorch(
      machine({
        files: system,
        programs: { "/usr/bin/python3": python("1.13.0a0", "/usr/lib/python3/dist-packages/torch") },
      }),
    );
    expect(found.found).toMatchObject({
      kind: "system",
      version: "1.13.0",
      prefix: "/usr",
      config: "/usr/lib/x86_64-linux-gnu/cmake/Torch",
    });
    expect(found.rejected[0]).toMatchObject({ kind: "python", where: "/usr/bin/python3" });
    expect(found.rejected[0]?.reason).toContain("without TorchConfig.cmake");
  });

  test("on aarch64", () => {
    const files = libtorchFiles("/usr", "2.6.0", "/usr/lib/aarch64-linux-gnu/cmake/Torch");
    expect(findLibtorch(machine({ files, arch: "arm64" })).found?.prefix).toBe("/usr");
    expect(findLibtorch(machine({ files, arch: "x64" })).found).toBeUndefined();
  });

  test("too old, without headers, without PyTorch, or a python that breaks: each with its reason", () => {
    const { "/usr/include/ATen/ATen.h": _headers, ...withoutHeaders } = system;
    const { found, rejected } = findLibtorch(
      machine({
        files: { ...withoutHeaders, ...libtorchFiles("/usr/local", "1.12.1") },
        env: { VIRTUAL_ENV: "/venv" },
        programs: {
          "/venv/bin/python": withoutTorch,
          "/usr/bin/python3": { status: 139, stderr: "Segmentation fault\n" },
        },
      }),
    );
    expect(found).toBeUndefined();
    const reasons = Object.fromEntries(rejected.map(({ where, reason }) => [where, reason]));
    expect(reasons["/venv/bin/python"]).toBe("it has no PyTorch");
    expect(reasons["/usr/bin/python3"]).toContain("Segmentation fault");
    expect(reasons["/usr/local"]).toContain("1.12.1 is older than 1.13");
    expect(reasons["/usr"]).toContain("headers are missing");
  });

  test("a LIBTORCH that cannot be used stops, naming it", () => {
    const host = machine({ env: { LIBTORCH: "/nowhere" }, files: system });
    expect(() => findLibtorch(host)).toThrow(/LIBTORCH=\/nowhere .*TorchConfig\.cmake/);
  });
});

describe("system packages", () => {
  const tools = { "/usr/bin/g++": {}, "/usr/bin/cmake": {}, "/usr/bin/make": {} };
  const files = { "/etc/os-release": debian };
  const blas = "/usr/lib/x86_64-linux-gnu/libblas.so.3";
  const reference = { [blas]: "/usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0" };
  const openblas = { [blas]: "/usr/lib/x86_64-linux-gnu/openblas-pthread/libblas.so.3" };
  const libtorch = {
    kind: "system",
    version: "1.13.0",
    prefix: "/usr",
    config: "",
    cxx11Abi: null,
    reason: "",
  } as const;

  test("everything on a bare machine, nothing on a complete one", () => {
    const bare = missingPackages(machine({ files }), { libtorch: undefined, building: true });
    expect(bare).toEqual(["libtorch-dev", "libopenblas0-openmp", "g++", "cmake", "make"]);
    const complete = machine({ files, programs: tools, links: openblas });
    expect(missingPackages(complete, { libtorch, building: true })).toEqual([]);
    expect(missingPackages(machine({ files }), { libtorch, building: false })).toEqual([]);
  });

  test("OpenBLAS where Debian's libtorch would use the reference BLAS", () => {
    const slow = machine({ files, programs: tools, links: reference });
    expect(hasSlowBlas(slow)).toBe(true);
    expect(hasSlowBlas(machine({ links: openblas }))).toBe(false);
    expect(missingPackages(slow, { libtorch, building: true })).toEqual(["libopenblas0-openmp"]);
    expect(missingPackages(slow, { libtorch: { ...libtorch, kind: "venv" }, building: true })).toEqual([]);
  });

  test("apt: as root, through password-less sudo, or not at all", () => {
    const apt = { "/usr/bin/apt-get": {}, "/usr/bin/sudo": {} };
    const asRoot = machine({ files, programs: apt, root: true });
    expect(aptAccess(asRoot, false)).toEqual({ prefix: [] });
    expect(aptAccess(asRoot, true)).toMatchObject({ because: expect.stringContaining("--no-system") });
    const withSudo = machine({ files, programs: { ...apt, "sudo -n true": { status: 0 } } });
    expect(aptAccess(withSudo, false)).toEqual({ prefix: ["sudo", "-n"] });
    const withPassword = machine({ files, programs: { ...apt, "sudo -n true": { status: 1 } } });
    expect(aptAccess(withPassword, false)).toMatchObject({
      because: expect.stringContaining("password-less"),
    });
    const other = machine({ files: { "/etc/os-release": fedora }, root: true });
    expect(aptAccess(other, false)).toMatchObject({ because: expect.stringContaining("Debian") });
  });

  test("otherwise the exact command", () => {
    const packages = ["libtorch-dev", "g++", "cmake"];
    expect(handInstructions(machine({ files }), packages, "why")).toContain(
      "sudo apt-get install -y --no-install-recommends libtorch-dev g++ cmake",
    );
    const elsewhere = handInstructions(machine({ files: { "/etc/os-release": fedora } }), packages, "why");
    expect(elsewhere).toContain("pip install torch");
    expect(elsewhere).toContain("Run: sudo dnf install -y ");
  });
});

describe("the sandbox", () => {
  const files = { "/etc/os-release": debian };
  const context = (host: Host, options: string[] = []) => {
    const said: string[] = [];
    const exclusive = () => Promise.reject(new Error("nothing may be installed here"));
    const say = (line: string) => void said.push(line);
    return {
      said,
      context: { state: "/nowhere", torch: "/nowhere", host, options: parseOptions(options), say, exclusive },
    };
  };

  test("bubblewrap and Python where they are missing, on Linux", () => {
    expect(missingForSandbox(machine({ files }))).toEqual(["bubblewrap", "python3"]);
    expect(
      missingForSandbox(machine({ programs: { "/usr/bin/bwrap": {}, "/usr/local/bin/python3": {} } })),
    ).toEqual([]);
    expect(missingForSandbox({ ...machine({}), platform: "darwin" })).toEqual([]);
  });

  test("what cannot be installed is a notice and no failure", async () => {
    const forbidden = context(machine({ files, root: true }), ["--no-system"]);
    expect(await provideSandbox(forbidden.context)).toEqual({ skipped: true });
    expect(forbidden.said[0]).toContain("--no-system");
    expect(forbidden.said[0]).toContain("Run: apt-get install -y --no-install-recommends bubblewrap python3");
    const elsewhere = context(machine({ files: { "/etc/os-release": fedora } }));
    await provideSandbox(elsewhere.context);
    expect(elsewhere.said[0]).toContain("Run: sudo dnf install -y bubblewrap python3");
    const quiet = context(machine({ files }), ["--quiet"]);
    await provideSandbox(quiet.context);
    const complete = context(machine({ programs: { "/usr/bin/bwrap": {}, "/usr/bin/python3": {} } }));
    await provideSandbox(complete.context);
    expect([...quiet.said, ...complete.said]).toEqual([]);
  });
});

test("npm's record of what is installed is held against the lock file", () => {
  const lock = (packages: object) => JSON.stringify({ packages });
  const a = { version: "1.0.0", integrity: "x" };
  const want = lock({ "": {}, "node_modules/a": a, "node_modules/b": { version: "2.0.0", optional: true } });
  expect(sameTree(want, lock({ "node_modules/a": a }))).toBe(true);
  expect(sameTree(want, lock({ "node_modules/a": { ...a, version: "1.0.1" } }))).toBe(false);
  expect(sameTree(want, lock({ "node_modules/a": a, "node_modules/c": a }))).toBe(false);
  expect(sameTree(want, lock({}))).toBe(false);
  expect(sameTree(want, "cut o")).toBe(false);
});

test("the first errors of a build log", () => {
  const compiler =
    "cc1plus\na.cc:3:5: error: expected ';'\n  3 |\nb.cc:1:1: fatal error: x.h: No such file\nmake: *** 2\n";
  expect(firstErrors(compiler)).toEqual([
    "a.cc:3:5: error: expected ';'",
    "b.cc:1:1: fatal error: x.h: No such file",
  ]);
  const cmake = 'CMake Error at CMakeLists.txt:6 (find_package):\n  By not providing "FindTorch.cmake"\n\n';
  expect(firstErrors(cmake)[0]).toContain('(find_package): By not providing "FindTorch.cmake"');
  expect(firstErrors("one\ntwo\n\n", 1)).toEqual(["two"]);
});

test("options, and the line at the end", () => {
  expect(parseOptions(["--quiet", "--json"])).toMatchObject({ quiet: true, json: true, build: false });
  expect(() => parseOptions(["--quite"])).toThrow("--quite");
  const step = (name: string, seconds: number, skipped = false) => ({ name, seconds, skipped });
  expect(summary([step("packages", 12.1), step("libtorch", 0.1, true), step("native build", 58.6)])).toBe(
    "set-up 71 s: packages 12 s, native build 59 s",
  );
  expect(summary([step("packages", 0.06, true)])).toBe("set-up 0.1 s: everything was ready");
});

describe("files", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "setup-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("a stamp holds for equal inputs only, and a damaged one for none", () => {
    const stamp = join(folder, "deep", "stamp.json");
    expect(readStamp(stamp)).toBeUndefined();
    writeStamp(stamp, { a: 1, b: ["x"] });
    expect(isStamped(stamp, { a: 1, b: ["x"] })).toBe(true);
    expect(isStamped(stamp, { a: 1, b: ["y"] })).toBe(false);
    writeFileSync(stamp, '{"a": 1, "b"');
    expect(isStamped(stamp, { a: 1, b: ["x"] })).toBe(false);
  });

  test("hashes change with names, contents and times", () => {
    mkdirSync(join(folder, "native", "sub"), { recursive: true });
    const [a, b] = [join(folder, "native", "a.cc"), join(folder, "native", "sub", "b.cc")];
    writeFileSync(a, "one");
    writeFileSync(b, "two");
    const contents = () => hashContents(folder, filesBelow(join(folder, "native")));
    const times = () => hashTimes(folder, filesBelow(join(folder, "native")));
    expect(filesBelow(join(folder, "native"))).toEqual([a, b]);
    const before = [contents(), times()];
    utimesSync(a, 1, 1);
    expect(contents()).toBe(before[0]);
    expect(times()).not.toBe(before[1]);
    writeFileSync(b, "TWO");
    expect(contents()).not.toBe(before[0]);
    expect(filesBelow(join(folder, "nowhere"))).toEqual([]);
  });

  test("the lock is waited for, and taken over from a dead process", async () => {
    const path = join(folder, "lock");
    const lines: string[] = [];
    const say = (line: string) => void lines.push(line);
    const release = await acquireLock(path, { say });
    await expect(acquireLock(path, { say, patienceMs: 30, pollMs: 10 })).rejects.toThrow("another set-up");
    expect(lines).toHaveLength(1);
    const second = acquireLock(path, { say, pollMs: 10 });
    release();
    (await second)();
    expect(existsSync(path)).toBe(false);

    const dead = execFileSync(process.execPath, ["-p", "process.pid"], { encoding: "utf8" }).trim();
    writeFileSync(path, `${dead} ${hostname()}`);
    (await acquireLock(path, { say, pollMs: 10 }))();
    writeFileSync(path, `${process.pid} elsewhere`);
    utimesSync(path, 1, 1);
    (await acquireLock(path, { say, pollMs: 10 }))();
    expect(existsSync(path)).toBe(false);
  });

  test("a copied working tree follows the original and keeps its builds", () => {
    const [from, to] = [join(folder, "from"), join(folder, "to")];
    mkdirSync(join(from, "node_modules"), { recursive: true });
    writeFileSync(join(from, "node_modules", ".package-lock.json"), "{}");
    writeFileSync(join(from, ".gitignore"), "node_modules/\nbuild/\n");
    writeFileSync(join(from, "a.ts"), "one");
    execFileSync("git", ["init", "--quiet"], { cwd: from });
    copyTree(from, to);
    mkdirSync(join(to, "build"));
    writeFileSync(join(to, "build", "kept"), "");
    rmSync(join(from, "a.ts"));
    writeFileSync(join(from, "b.ts"), "two");
    copyTree(from, to);
    const there = ["a.ts", "b.ts", "build/kept", "node_modules/.package-lock.json"].map((f) =>
      existsSync(join(to, f)),
    );
    expect(there).toEqual([false, true, true, true]);
    expect(readFileSync(join(to, "b.ts"), "utf8")).toBe("two");
  });
});

describe("the mirror of apt's configuration", () => {
  const deb822 = `Types: deb
# an older one: https://example.org/old
URIs: http://example.org/debian-security
Suites: bookworm-security
Components: main

Types: deb deb-src
URIs: http://example.org/debian
Suites: bookworm
 bookworm-updates
Components: main contrib

Enabled: no
Types: deb
URIs: http://example.org/other/debian
Suites: sid
Components: main
`;

  test("deb822 and one-line files", () => {
    expect(parseDeb822(deb822)).toEqual([
      { uri: "http://example.org/debian-security", suites: ["bookworm-security"], components: ["main"] },
      {
        uri: "http://example.org/debian",
        suites: ["bookworm", "bookworm-updates"],
        components: ["main", "contrib"],
      },
    ]);
    const line =
      "# deb http://a/debian x main\ndeb [signed-by=/k arch=amd64] http://b/debian/ x main # note\ndeb-src http://c y z";
    expect(parseOneLine(line)).toEqual([{ uri: "http://b/debian/", suites: ["x"], components: ["main"] }]);
  });

  test("the archive itself is taken, not security or somebody else's", () => {
    expect(debianMirror(parseDeb822(deb822))).toBe("http://example.org/debian");
    expect(debianMirror(parseOneLine("deb https://example.org/node_20.x nodistro main"))).toBeUndefined();
  });
});
