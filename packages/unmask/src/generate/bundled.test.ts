import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run } from "../../test/cli/run.ts";
import { bundledFolder, bundledNames } from "./bundled.ts";
import { load, modelFolder } from "./load.ts";

describe.each(bundledNames())("the bundled model %s", (name) => {
  const folder = bundledFolder(name)!;

  it("loads by its name, small, in bfloat16, with a template that spells as it was taught", async () => {
    const model = await load(name);
    expect(model.folder).toBe(folder);
    expect(statSync(join(folder, "model.safetensors")).size).toBeLessThan(3e6);
    for (const { dtype } of model.network.parameters.values()) expect(dtype).toBe("bfloat16");
    const asked = (content: string) => model.template!.render([{ role: "user", content }]);
    expect(asked("Tell me a story")).toBe("tell me a story .");
    expect(asked(" How many books does leo have?")).toBe("how many books does leo have ?");
    model.dispose();
  });

  it("says where it comes from", () => {
    const { recipe, training, measured } = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
    expect(existsSync(new URL(`../../../../${recipe}`, import.meta.url))).toBe(true);
    expect(training.steps).toBeGreaterThan(1000);
    expect(training.config.seed).toBe(0);
    expect(measured[0].metrics["answer,none"].mean).toBeGreaterThan(0.8);
  });
});

describe("a name", () => {
  const before = process.cwd();
  let folder = "";

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "unmask-bundled-"));
  });

  afterEach(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });

  it("means a folder here before it means a bundled model", async () => {
    process.chdir(folder);
    expect(await modelFolder("tiny")).toBe(bundledFolder("tiny"));
    mkdirSync("tiny");
    writeFileSync("tiny/config.json", "{}");
    expect(await modelFolder("tiny")).toBe("tiny");
  });

  it.each(["gpt2", "Tiny", "../models/tiny", "tiny/", ""])("%j is none", (name) => {
    expect(bundledFolder(name)).toBeUndefined();
  });
});

describe("no name at all", () => {
  it("means tiny, and one line says so", async () => {
    const { exitCode, stdout, stderr } = await run("inspect", "model");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("llada");
    expect(stderr).toMatch(/^No model is given: this is "tiny".*\n$/);
  });

  it("writes a story where nothing is asked", async () => {
    const { exitCode, stdout } = await run("generate");
    expect(exitCode).toBe(0);
    const story = stdout.trim().replace("tell me a story . ", "").split(" ");
    expect(story).toHaveLength(27);
    expect(story.at(-1)).toBe(".");
  });

  it("writes what the built-in language allows", async () => {
    const prompt =
      "tom has 5 apples . he buys 4 more . then he gives 2 to mia . how many apples does tom have ?";
    const { exitCode, stdout } = await run("generate", "--json", "--prompt", prompt);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout).sequences[0].text).toMatch(/answer 7$/);
  });
});
