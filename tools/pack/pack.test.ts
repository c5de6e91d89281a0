// The packages as npm would publish them, unpacked beside their dependencies: what works before `unmask setup`, and
// that an addon in the user's cache is found. `npm run test:pack` installs with npm and builds the addon too.

import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { choicePath, packageVersion } from "../../packages/torch/setup/locate.mjs";
import { tinyModel } from "../../packages/unmask/test/tiny-models.ts";
import { packAll } from "./tarballs.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
let folder: string;
let packed: ReturnType<typeof packAll>;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "unmask-pack-"));
  packed = packAll(root, folder);
  for (const { name, file } of packed) {
    const place = join(folder, "node_modules", name);
    mkdirSync(place, { recursive: true });
    execFileSync("tar", ["-xzf", file, "--strip-components=1", "-C", place]);
    for (const dependency of Object.keys(manifest(name).dependencies)) linkDependency(dependency);
  }
}, 600_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const manifest = (name: string) =>
  JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8"));

function linkDependency(name: string): void {
  if (name === "@unmask/torch") return;
  const link = join(folder, "node_modules", name);
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(join(root, "node_modules", name), link);
}

function runNode(args: string[], cache: string) {
  const env = { PATH: process.env.PATH, HOME: folder, UNMASK_CACHE: cache };
  return spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", env });
}

const unmask = (args: string[], cache: string) =>
  runNode([join(folder, "node_modules", "unmask", "bin", "unmask.mjs"), ...args], cache);

describe("what is packed", () => {
  test("runs nothing at install", () => {
    for (const { name, paths } of packed) {
      const scripts = Object.keys(manifest(name).scripts ?? {});
      expect(scripts.filter((script) => /^(pre|post)?install$|^prepare$/.test(script))).toEqual([]);
      expect(paths).not.toContain("binding.gyp");
    }
  });

  test("is complete, and holds no test", () => {
    const [torch, unmaskPackage] = packed;
    for (const wanted of [
      "CMakeLists.txt",
      "native/addon.cc",
      "native/gloo/gloo/types.h",
      "setup/installed.mjs",
    ])
      if (wanted.startsWith("native/gloo"))
        expect(torch?.paths.some((path) => path.startsWith("native/gloo/"))).toBe(true);
      else expect(torch?.paths).toContain(wanted);
    for (const wanted of ["README.md", "LICENSE", "bin/unmask.mjs", "dist/trajectory/index.d.ts"])
      expect(unmaskPackage?.paths).toContain(wanted);
    const all = packed.flatMap(({ paths }) => paths);
    expect(all.filter((path) => /\.test\.|tsbuildinfo|^src\//.test(path))).toEqual([]);
  });
});

describe("before `unmask setup`", () => {
  const empty = () => join(folder, "empty-cache");

  test("unmask/trajectory imports, without libtorch", () => {
    const script = `
      import { decodeTrajectories, replay } from "unmask/trajectory";
      import { readFileSync } from "node:fs";
      const loaded = process.platform === "linux" && /libtorch|libc10/.test(readFileSync("/proc/self/maps", "utf8"));
      console.log(typeof decodeTrajectories, typeof replay, loaded);`;
    const { stdout, stderr } = runNode(["--input-type=module", "--eval", script], empty());
    expect(stderr).toBe("");
    expect(stdout.trim()).toBe("function function false");
  });

  test("doctor says what is missing and what to run", () => {
    const { status, stdout } = unmask(["doctor"], empty());
    expect(status).toBe(1);
    expect(stdout).toMatch(/^addon +not built$/m);
    expect(stdout).toMatch(/^missing +/m);
    expect(stdout).toContain("run: npx unmask setup");
  });

  test("generate says so in one sentence", async () => {
    const model = await tinyModel(folder, "llada");
    const { status, stderr } = unmask(["generate", "--model", model, "--prompt", "a"], empty());
    expect(status).toBe(1);
    expect(stderr).toContain('Run "npx unmask setup" to build it.');
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });
});

test("an addon in the user's cache is loaded, wherever the package lies", async () => {
  const cache = join(folder, "cache");
  mkdirSync(join(cache, "addon", "some-libtorch"), { recursive: true });
  const built = join(root, "packages", "torch", "build", "unmask_torch.node");
  copyFileSync(built, join(cache, "addon", "some-libtorch", "unmask_torch.node"));
  writeFileSync(choicePath(cache, packageVersion()), JSON.stringify({ folder: "some-libtorch" }));
  const model = await tinyModel(folder, "llada");
  const args = ["generate", "--model", model, "--prompt", "ab", "--max-new-tokens", "8", "--json"];
  const { status, stdout, stderr } = unmask(args, cache);
  expect(stderr).toBe("");
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toBeTypeOf("object");
});
