// `npm run test:pack`: the packages as a user meets them. npm installs the tarballs into an empty folder, from a
// registry on this machine; `unmask setup` compiles the addon (a minute or two); then the model writes.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tinyModel } from "../../packages/unmask/test/tiny-models.ts";
import { serveRegistry } from "./registry.mjs";
import { packAll } from "./tarballs.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
let folder: string;
let registry: Awaited<ReturnType<typeof serveRegistry>>;
let tarballs: string[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "unmask-install-"));
  registry = await serveRegistry(root);
  tarballs = packAll(root, folder).map(({ file }) => file);
});

afterAll(() => {
  registry.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Not spawnSync: the registry answers in this process. In a new user's shell, in a project's folder. */
function shell(project: string, command: string) {
  const env = {
    PATH: process.env.PATH,
    HOME: join(folder, "home"),
    npm_config_registry: registry.address,
    npm_config_cache: join(folder, "npm-cache"),
    UNMASK_NO_SYSTEM: "1",
  };
  mkdirSync(join(folder, project), { recursive: true });
  mkdirSync(env.HOME, { recursive: true });
  const child = spawn("sh", ["-c", command], {
    cwd: join(folder, project),
    stdio: ["ignore", "pipe", "pipe"],
    env,
  });
  const told = { status: null as number | null, stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => {
      told[name] += text;
    });
  return new Promise<typeof told>((done) => child.on("close", (status) => done({ ...told, status })));
}

test("install, doctor, setup, generate; and a second project builds nothing", async () => {
  const model = await tinyModel(folder, "llada");
  const generate = `npx unmask generate --model ${model} --prompt ab --max-new-tokens 8 --json`;

  const installed = await shell("first", `npm install --no-audit --no-fund ${tarballs.join(" ")}`);
  expect(installed.stderr).not.toContain("npm error");
  expect(installed.status).toBe(0);

  const trajectory = await shell("first", `node --input-type=module -e 'import "unmask/trajectory"'`);
  expect(trajectory).toEqual({ status: 0, stdout: "", stderr: "" });
  const before = await shell("first", "npx unmask doctor");
  expect(before.status).toBe(1);
  expect(before.stdout).toContain("run: npx unmask setup");

  const setUp = await shell("first", "npx unmask setup --json");
  expect(setUp.stderr).toContain("building the native addon against libtorch");
  expect(setUp.status).toBe(0);
  const { addon, libtorch } = JSON.parse(setUp.stdout);
  expect(addon).toContain(join(folder, "home", ".cache", "unmask", "addon", libtorch.version));
  expect(readdirSync(join(addon, "..")).sort()).toEqual([
    ".setup-native.json",
    "build.log",
    "unmask_torch.node",
  ]);

  expect((await shell("first", "npx unmask doctor")).status).toBe(0);
  const written = await shell("first", generate);
  expect(written.stderr).toBe("");

  await shell("second", `npm install --no-audit --no-fund ${tarballs.join(" ")}`);
  const again = await shell("second", "npx unmask setup");
  expect(again.stderr).toContain("everything was ready");
  const tokens = ({ stdout }: { stdout: string }) => JSON.parse(stdout).sequences[0].token_ids;
  expect(tokens(await shell("second", generate))).toEqual(tokens(written));
});
