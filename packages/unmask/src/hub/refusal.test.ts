import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  commit,
  type Fixture,
  id,
  messageOf,
  repository,
  startFixture,
  treeOf,
} from "../../test/hub/fixture.ts";
import { CheckpointError, UnmaskError, UsageError } from "../base/errors.ts";
import type { HubSettings } from "./settings.ts";
import { fetchSnapshot, type SnapshotOptions } from "./snapshot.ts";

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.stop());

const withToken = (token: string, changes: Partial<HubSettings> = {}) => ({
  ...fixture.settings,
  token,
  ...changes,
});
const failure = (name: string, options: SnapshotOptions = {}) =>
  messageOf(fetchSnapshot(name, { settings: fixture.settings, ...options }));

describe("refusals", () => {
  it("a gated model: where to accept the licence, with and without a token", async () => {
    fixture.server.repositories.set(id, { ...repository(), gated: true });
    const page = `${fixture.server.endpoint}/${id}`;
    const without = await failure(id);
    expect(without).toContain("owner/model is gated: it needs an account, and no token is set");
    expect(without).toContain(`accept the licence on ${page} and set HF_TOKEN`);
    expect(await failure(id, { settings: withToken("hf_other") })).toContain(
      "the account of your token has no access",
    );
    const good = await fetchSnapshot(id, { settings: withToken("hf_good"), files: ["config.json"] });
    expect(good.files).toEqual(["config.json"]);
  });

  it("a missing model: the spelling, and the token for a private one", async () => {
    const message = await failure("owner/modle");
    expect(message).toContain('has no model "owner/modle" (did you mean "owner/model"?)');
    expect(message).toContain("set HF_TOKEN");
    const known = await failure("nobody/nothing", { settings: withToken("hf_good") });
    expect(known).toContain('has no model "nobody/nothing"; check the spelling');
    await expect(fetchSnapshot("nobody/nothing", { settings: fixture.settings })).rejects.toBeInstanceOf(
      CheckpointError,
    );
  });

  it("a missing revision: the spelling", async () => {
    fixture.server.repositories.set(id, { ...repository(), refs: ["v1.0-step"] });
    expect(await failure(id, { revision: "v1.0-stpe" })).toContain(
      'owner/model has no revision "v1.0-stpe" (did you mean "v1.0-step"?)',
    );
    expect(await failure(id, { revision: "f".repeat(40) })).toContain("has no revision");
  });

  it("a token that the hub does not know", async () => {
    fixture.server.fault({
      on: /revision/,
      status: 401,
      headers: { "x-error-message": "Invalid credentials" },
    });
    const message = await failure(id, { settings: withToken("hf_wrong") });
    expect(message).toContain("does not accept your token");
    expect(message).not.toContain("hf_wrong");
  });

  it("anything else with its status and the server's own words", async () => {
    const headers = { "x-error-message": "Access to this resource is disabled." };
    fixture.server.fault({ on: /revision/, status: 403, headers });
    expect(await failure(id)).toContain("answered 403 (Access to this resource is disabled.)");
    fixture.server.fault({ on: /revision/, status: 418 });
    expect(await failure(id)).toContain("answered 418 to the request for its files");
  });
});

describe("an endpoint that is no hub", () => {
  it("is told from a hub that fails", async () => {
    const page = { status: 200, headers: { "content-type": "text/html" }, body: "<html>log in</html>" };
    fixture.server.fault({ on: /revision/, ...page });
    expect(await failure(id)).toMatch(/the answer of http:\/\/127.* is not the hub's; check HF_ENDPOINT/);
    fixture.server.fault({ on: /revision/, status: 200, body: '{"sha": "../../x"}' });
    expect(await failure(id)).toContain("names no commit; check HF_ENDPOINT");
    fixture.server.fault({
      on: /tree/,
      status: 200,
      body: '[{"type": "file", "path": "a", "size": -1, "oid": "x"}]',
    });
    expect(await failure(id)).toContain('lists "a" without its size or hash');
    fixture.server.fault({ on: /tree/, status: 200, body: "{}" });
    expect(await failure(id)).toContain("is not the hub's");
  });

  it("may redirect, but not in a circle nor to other protocols", async () => {
    fixture.server.fault({
      on: /revision/,
      status: 307,
      headers: { location: "/api/models/owner/model/revision/main" },
    });
    expect((await fetchSnapshot(id, { settings: fixture.settings, files: [] })).commit).toBe(commit);
    fixture.server.fault({ on: /revision/, times: 99, status: 302, headers: { location: "" } });
    expect(await failure(id)).toContain("redirects in a circle");
    fixture.server.mend();
    fixture.server.fault({ on: /revision/, status: 302, headers: { location: "file:///etc/passwd" } });
    expect(await failure(id)).toContain("redirects to something that is no address");
  });
});

describe("the token", () => {
  it("goes to the hub with every request, and never to the host it redirects to", async () => {
    await fetchSnapshot(id, { settings: withToken("hf_good") });
    const { seen } = fixture.server;
    const sent = (host: string) => [
      ...new Set(seen.filter((one) => one.host === host).map((one) => one.authorization)),
    ];
    expect(sent("hub")).toEqual(["Bearer hf_good"]);
    expect(sent("cdn")).toEqual([undefined]);
  });

  it("is not sent on when a listing or a page names another host", async () => {
    const location = `${fixture.server.cdn}/api/models/owner/model/revision/main`;
    fixture.server.fault({ on: /hub.*revision/, status: 302, headers: { location } });
    fixture.server.fault({ on: /cdn.*revision/, status: 200, body: JSON.stringify({ sha: commit }) });
    const link = `<${fixture.server.cdn}/more>; rel="next"`;
    fixture.server.fault({ on: /hub.*tree/, status: 200, headers: { link }, body: "[]" });
    fixture.server.fault({ on: /cdn.*more/, status: 200, body: "[]" });
    await fetchSnapshot(id, { settings: withToken("hf_good") });
    const cdn = fixture.server.seen.filter(({ host }) => host === "cdn");
    expect(cdn.map(({ path }) => path)).toEqual(["/api/models/owner/model/revision/main", "/more"]);
    expect(cdn.map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
  });

  it("is in no error, whatever its form", async () => {
    const token = "secret-token-of-a-mirror";
    fixture.server.fault({ on: /cdn/, status: 500, times: 9 });
    const error = await fetchSnapshot(id, { settings: withToken(token) }).catch((one: UnmaskError) => one);
    expect(error).toBeInstanceOf(UnmaskError);
    const { stack, cause } = error as UnmaskError;
    expect(JSON.stringify([error, stack, String(cause), (cause as Error).stack])).not.toContain(token);
  });
});

describe("names from outside", () => {
  it.each(["../x", "a/../../x", "/etc/passwd", "a\\..\\..\\x", "C:\\x", "a//b", "./x", "x\0y"])(
    "a listing with %j is refused and nothing fetched",
    async (name) => {
      fixture.server.repositories.set(id, { commit, files: { ...repository().files, [name]: "x" } });
      expect(await failure(id, { files: ["config.json"] })).toMatch(
        /which would lie outside the repository's folder/,
      );
      expect(await treeOf(fixture.cache)).toEqual([]);
    },
  );

  it("a listing in the cache is not trusted either", async () => {
    const { settings } = fixture;
    await fetchSnapshot(id, { settings, files: ["config.json"] });
    const { writeFile } = await import("node:fs/promises");
    const path = `${fixture.folder}/trees/${commit}.json`;
    const evil = { "../../../x": { size: 1, blob_id: "a".repeat(40) } };
    await writeFile(path, JSON.stringify({ format_version: 1, files: evil }));
    expect(await failure(id)).toMatch(/would lie outside/);
    await writeFile(path, "damaged");
    expect((await fetchSnapshot(id, { settings })).files).toHaveLength(5);
  });

  it.each(["../x", "a/../b", "/abs", "", "a b", ".hidden", "x\ny"])(
    "revision %j is refused",
    async (revision) => {
      await expect(fetchSnapshot(id, { settings: fixture.settings, revision })).rejects.toBeInstanceOf(
        UsageError,
      );
      expect(fixture.server.seen).toEqual([]);
    },
  );

  it.each(["../x", "a/b/c", "", "datasets/x"])("id %j is refused", async (name) => {
    await expect(fetchSnapshot(name, { settings: fixture.settings })).rejects.toBeInstanceOf(UsageError);
    expect(fixture.server.seen).toEqual([]);
  });
});
