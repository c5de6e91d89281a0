import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError } from "../base/errors.ts";
import { isModelId } from "./names.ts";
import { matcher } from "./patterns.ts";
import { hubSettings } from "./settings.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "unmask-settings-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("hubSettings", () => {
  it("has the defaults of huggingface_hub", () => {
    expect(hubSettings({ HF_TOKEN_PATH: join(folder, "none") })).toMatchObject({
      endpoint: "https://huggingface.co",
      token: undefined,
      cacheFolder: join(homedir(), ".cache", "huggingface", "hub"),
      offline: false,
      symlinks: true,
      timeoutMs: 10_000,
    });
  });

  it.each([
    [{ XDG_CACHE_HOME: "/x" }, "/x/huggingface/hub"],
    [{ XDG_CACHE_HOME: "/x", HF_HOME: "/h" }, "/h/hub"],
    [{ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/old" }, "/old"],
    [{ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/old", HF_HUB_CACHE: "/c" }, "/c"],
    [{ HF_HUB_CACHE: "", HF_HOME: "/h" }, "/h/hub"],
    [{ HF_HOME: "~/h" }, join(homedir(), "h", "hub")],
    [{ HF_HUB_CACHE: ["$DATA/$", "{KIND}"].join(""), DATA: "/d", KIND: "k" }, "/d/k"],
  ])("cache folder of %j is %s", (environment, expected) => {
    expect(hubSettings(environment).cacheFolder).toBe(expected);
  });

  it.each([
    [{ HF_HUB_OFFLINE: "1" }, true],
    [{ HF_HUB_OFFLINE: "True" }, true],
    [{ HF_HUB_OFFLINE: "yes" }, true],
    [{ TRANSFORMERS_OFFLINE: "ON" }, true],
    [{ HF_HUB_OFFLINE: "0", TRANSFORMERS_OFFLINE: "1" }, false],
    [{ HF_HUB_OFFLINE: "", TRANSFORMERS_OFFLINE: "1" }, true],
    [{ HF_HUB_OFFLINE: "nein" }, false],
  ])("offline with %j is %s", (environment, expected) => {
    expect(hubSettings({ HF_HOME: folder, ...environment }).offline).toBe(expected);
  });

  it("takes the token from HF_TOKEN, else from a file", () => {
    writeFileSync(join(folder, "token"), "hf_file\n");
    writeFileSync(join(folder, "other"), " hf_other ");
    expect(hubSettings({ HF_HOME: folder, HF_TOKEN: "hf_given" }).token).toBe("hf_given");
    expect(hubSettings({ HF_HOME: folder }).token).toBe("hf_file");
    expect(hubSettings({ HF_HOME: folder, HF_TOKEN_PATH: join(folder, "other") }).token).toBe("hf_other");
    expect(hubSettings({ HF_HOME: folder, HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }).token).toBeUndefined();
    expect(hubSettings({ HF_HOME: join(folder, "nowhere") }).token).toBeUndefined();
  });

  it("refuses a broken token without showing it", () => {
    expect(() => hubSettings({ HF_TOKEN: "hf_se cret" })).toThrow(ConfigError);
    expect(() => hubSettings({ HF_TOKEN: "hf_se cret" })).not.toThrow(/cret/);
    expect(() => hubSettings({ HF_TOKEN_PATH: folder })).toThrow(/the token cannot be read \(EISDIR\)/);
  });

  it("keeps the path of an endpoint, and refuses what is none", () => {
    const endpoint = (HF_ENDPOINT: string) => hubSettings({ HF_HOME: folder, HF_ENDPOINT }).endpoint;
    expect(endpoint("https://mirror.example/api/hub/")).toBe("https://mirror.example/api/hub");
    expect(() => endpoint("huggingface.co")).toThrow(/HF_ENDPOINT is "huggingface.co", expected an address/);
    expect(() => endpoint("ftp://x")).toThrow(ConfigError);
    expect(() => endpoint("https://me:secret@x.example")).toThrow(/user name or password/);
    expect(() => endpoint("https://me:secret@x.example")).not.toThrow(/secret/);
    expect(() => hubSettings({ HF_HUB_DOWNLOAD_TIMEOUT: "soon" })).toThrow(
      /HF_HUB_DOWNLOAD_TIMEOUT is "soon"/,
    );
  });
});

it.each([
  ["gpt2", true],
  ["kuleshov-group/mdlm-owt", true],
  ["Qwen/Qwen2.5-0.5B", true],
  ["_a/b_", true],
  ["./gpt2", false],
  ["../model", false],
  ["/models/a", false],
  ["~/model", false],
  ["runs/a/b", false],
  ["a\\b", false],
  ["a--b", false],
  ["a..b", false],
  ["-a/b", false],
  ["a/b.", false],
  ["a/b.git", false],
  ["datasets/squad", false],
  ["a b", false],
  ["café", false],
  ["x".repeat(97), false],
  ["", false],
])("isModelId(%j) is %s", (text, expected) => {
  expect(isModelId(text)).toBe(expected);
});

it.each([
  ["*.safetensors", ["model.safetensors", "sub/a.safetensors"]],
  ["sub/", ["sub/a.safetensors", "sub/b.json"]],
  ["[!m]onfig.json", ["config.json"]],
  ["?onfig.jso[mn]", ["config.json"]],
  ["config.json", ["config.json"]],
  ["config-json", []],
])("pattern %s", (pattern, expected) => {
  const names = ["model.safetensors", "config.json", "sub/a.safetensors", "sub/b.json"];
  expect(names.filter(matcher([pattern]))).toEqual(expected);
});
