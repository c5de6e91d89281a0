import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { toNumbers } from "@unmask/torch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HubServer } from "../../test/hub/server.ts";
import { saveLike } from "../models/save.ts";
import { describe as describeModel, load } from "./load.ts";

const fixture = fileURLToPath(new URL("../../test/parity/fixtures/llada/checkpoint", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "unmask-load-"));
const sharded = join(root, "sharded");
let server: HubServer;
const before = { ...process.env };

beforeAll(async () => {
  server = await HubServer.start();
  const original = await load(fixture);
  saveLike(original.origin, original.network.parameters, { folder: sharded, maxShardBytes: 400_000 });
  const files = Object.fromEntries(
    readdirSync(sharded).map((name) => [name, readFileSync(join(sharded, name))]),
  );
  server.repositories.set("owner/llada-tiny", { commit: "a".repeat(40), files, refs: ["v2"] });
  Object.assign(process.env, { HF_ENDPOINT: server.endpoint, HF_HOME: root });
});
afterAll(async () => {
  process.env = before;
  await server.stop();
  rmSync(root, { recursive: true, force: true });
});

describe("load from the hub", () => {
  it("fetches once, into the shared cache, and gives the weights of the files", async () => {
    const seen: string[] = [];
    const fetched = await load("owner/llada-tiny", {
      revision: "v2",
      onProgress: ({ file }) => seen.push(file),
    });
    expect(seen).toContain("model-00001-of-00002.safetensors");
    expect(fetched.folder).toContain(
      join(root, "hub", "models--owner--llada-tiny", "snapshots", "a".repeat(40)),
    );
    const local = await load(sharded);
    for (const [name, parameter] of local.network.parameters) {
      expect(toNumbers(fetched.network.parameters.get(name)!), name).toEqual(toNumbers(parameter));
    }
    const downloads = server.seen.filter(({ sent }) => sent > 100_000).length;
    await load("owner/llada-tiny", { revision: "v2" });
    expect(server.seen.filter(({ sent }) => sent > 100_000)).toHaveLength(downloads);
  });

  it("describes a model without fetching its weights", async () => {
    server.repositories.set("owner/other", server.repositories.get("owner/llada-tiny")!);
    const before = server.seen.length;
    const { model, facts } = await describeModel("owner/other");
    expect(facts).toMatchObject({ family: "llada", maskId: 316 });
    expect(model.checkpoint).toBeUndefined();
    const fetched = server.seen.slice(before).map(({ path }) => path);
    expect(fetched.some((path) => path.endsWith("config.json"))).toBe(true);
    expect(fetched.filter((path) => path.endsWith(".safetensors"))).toEqual([]);
  });

  it("takes a name for a path where such a folder begins it", async () => {
    const place = mkdtempSync(join(root, "runs-"));
    writeFileSync(join(place, "note"), "");
    await expect(load(`${place}/mine`)).rejects.toThrow(/no such folder; give the folder/);
  });

  it("says which model it did not find", async () => {
    await expect(load("owner/llada-tinny")).rejects.toThrow(/owner\/llada-tinny/);
  });
});
