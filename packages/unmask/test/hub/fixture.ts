// What the hub's tests share: a server, an empty cache, settings that do not wait, and a tree in words.

import { randomBytes } from "node:crypto";
import { lstat, mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { HubSettings } from "../../src/hub/settings.ts";
import { HubServer, type TestRepository } from "./server.ts";

export const commit = "1234567890abcdef1234567890abcdef12345678";
export const id = "owner/model";
export const weights = randomBytes(200_000);

export const repository = (): TestRepository => ({
  commit,
  files: {
    "README.md": "# A model\n",
    "config.json": '{"model_type": "test"}\n',
    "model.safetensors": weights,
    "pytorch_model.bin": "pickled",
    "sub/deep/notes.txt": "notes",
  },
});

export interface Fixture {
  server: HubServer;
  cache: string;
  settings: HubSettings;
  /** models--owner--model in the cache. */
  folder: string;
  stop: () => Promise<void>;
}

export async function startFixture(changes: Partial<HubSettings> = {}): Promise<Fixture> {
  const server = await HubServer.start();
  server.repositories.set(id, repository());
  const cache = await mkdtemp(join(tmpdir(), "unmask-hub-"));
  const settings: HubSettings = {
    endpoint: server.endpoint,
    token: undefined,
    cacheFolder: cache,
    offline: false,
    symlinks: true,
    timeoutMs: 2000,
    attempts: 3,
    retryDelayMs: 5,
    ...changes,
  };
  const stop = async () => {
    await server.stop();
    await rm(cache, { recursive: true, force: true });
  };
  return { server, cache, settings, folder: join(cache, "models--owner--model"), stop };
}

/** Every file below a folder: "path", with " -> target" for links. */
export async function treeOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  const lines = entries
    .filter((entry) => !entry.isDirectory())
    .map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const isLink = (await lstat(path)).isSymbolicLink();
      return `${relative(folder, path)}${isLink ? ` -> ${await readlink(path)}` : ""}`;
    });
  return (await Promise.all(lines)).sort();
}

export const contentOf = (folder: string, name: string): Promise<Buffer> => readFile(join(folder, name));

/** The message of what a promise fails with. */
export async function messageOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "no error",
    (error: Error) => error.message,
  );
}
