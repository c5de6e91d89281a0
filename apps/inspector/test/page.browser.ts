import { appendFileSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ScriptedEngine } from "#unmask/serve/scripted-engine.ts";
import { type TestServer, testServer } from "../../../packages/unmask/test/serve/port.ts";
import { launch, newPage, screenshot, type Watched } from "./browser.ts";
import { evaluationFiles, metricsLines, wordTokenizer } from "./other-files.ts";
import { builtPages, type Served, serveFiles } from "./served.ts";
import { makeLong, makeTrajectories } from "./trajectories.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser: Browser;
let files: Served;
beforeAll(async () => {
  const [made, long, evaluation] = await Promise.all([makeTrajectories(), makeLong(), evaluationFiles()]);
  const metrics = { name: "train/metrics.jsonl", bytes: new TextEncoder().encode(metricsLines(1200)) };
  files = await serveFiles([...made, long, ...evaluation, metrics]);
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  files?.close();
});

const watched: Watched[] = [];
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));
async function visit(address: string, options = {}, url = files.url): Promise<Page> {
  const one = await newPage(browser, url, options);
  watched.push(one);
  await one.page.goto(`${url}#${address}`);
  await one.page.locator("main > :not(.soft)").first().waitFor();
  return one.page;
}

/** Rules that were broken, with where. */
async function violations(page: Page): Promise<string[]> {
  if (!(await page.evaluate("'axe' in window"))) await page.evaluate(axe);
  const found = (await page.evaluate("axe.run()")) as {
    violations: { id: string; nodes: { html: string }[] }[];
  };
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
}

const stepOf = (page: Page) => page.getByRole("slider", { name: "step" }).inputValue();
const openCount = (page: Page) => page.locator(".canvas span.open").count();
const settled = (page: Page) => page.waitForTimeout(400);

describe("a replay", () => {
  it("scrubs by slider, by keys and by the strip, and nothing moves", async () => {
    const page = await visit("file=student.parquet&step=20");
    await screenshot(page, "replay");
    expect(await stepOf(page)).toBe("20");
    const before = await page
      .locator(".canvas span")
      .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().x));
    const open = await openCount(page);
    await page.keyboard.press("ArrowRight");
    expect(await stepOf(page)).toBe("21");
    expect(await openCount(page)).toBeLessThan(open);
    await page.keyboard.press("Shift+ArrowLeft");
    expect(await stepOf(page)).toBe("11");
    await page.keyboard.press("End");
    expect(await openCount(page)).toBe(0);
    const after = await page
      .locator(".canvas span")
      .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().x));
    expect(after).toEqual(before);
    await page.keyboard.press("Home");
    expect(await page.locator(".canvas span:not(.open)").count()).toBe(0);
    await page.locator(".strip svg").click({ position: { x: 200, y: 20 } });
    expect(Number(await stepOf(page))).toBeGreaterThan(10);
    await page.getByRole("slider", { name: "step" }).fill("33");
    expect(await stepOf(page)).toBe("33");
    await settled(page);
    expect(page.url()).toContain("step=33");
  });

  it("plays at any speed to the end", async () => {
    const page = await visit("file=student.parquet&step=0");
    await page.getByLabel("Speed").selectOption({ label: "200 a second" });
    await page.keyboard.press(" ");
    await expect
      .poll(() => stepOf(page), { timeout: 20_000 })
      .toBe(await page.getByRole("slider", { name: "step" }).getAttribute("max"));
    expect(await page.getByRole("button", { name: "Play", exact: true }).count()).toBe(1);
  });

  it("is coloured by step, confidence and entropy, in the light and in the dark", async () => {
    const page = await visit("file=teacher.parquet");
    const levels = () =>
      page
        .locator(".canvas span")
        .evaluateAll((all) => all.map((one) => (one as HTMLElement).dataset.level ?? ""));
    const byStep = await levels();
    await page.keyboard.press("2");
    await settled(page);
    const byConfidence = await levels();
    await page.keyboard.press("3");
    await settled(page);
    const byEntropy = await levels();
    expect(new Set(byStep).size).toBeGreaterThan(8);
    expect(byConfidence).not.toEqual(byStep);
    expect(byEntropy).not.toEqual(byStep);
    await page.emulateMedia({ colorScheme: "dark" });
    await screenshot(page, "replay-dark");
    await page.keyboard.press("0");
    await settled(page);
    expect(new Set(await levels())).toEqual(new Set([""]));
  });

  it("tells the history of the position that is pointed at, and keeps it on a click", async () => {
    const page = await visit("file=student.parquet");
    const cell = page.locator('.canvas span[data-place="60"]');
    await cell.hover();
    const detail = page.getByRole("region", { name: "position" });
    await expect.poll(() => detail.innerText()).toContain("Position 60");
    expect(await detail.innerText()).toMatch(/at step \d+ of \d+/);
    expect(await detail.locator("li").count()).toBeGreaterThan(1);
    await cell.click();
    await page.mouse.move(5, 5);
    expect(await detail.innerText()).toContain("Position 60");
    await page.keyboard.press("]");
    await expect.poll(() => detail.innerText()).toContain("Position 61");
    await screenshot(page, "history");
  });

  it("never runs what the model wrote", async () => {
    const page = await visit("file=student.parquet");
    expect(await page.locator(".canvas").innerText()).toContain("onerror");
    expect(await page.locator(".canvas img, .canvas script").count()).toBe(0);
    expect(await page.evaluate("window.hacked")).toBeUndefined();
  });

  it("compares two runs side by side and marks where they differ", async () => {
    const page = await visit("file=teacher.parquet&step=80");
    await page.keyboard.press("c");
    await expect.poll(() => page.locator(".canvas").count()).toBe(2);
    await page.getByLabel("file").last().selectOption("student.parquet");
    await expect.poll(() => page.locator(".canvas span.differs").count()).toBeGreaterThan(2);
    const counts = () => page.locator(".count").allInnerTexts();
    const byShare = await counts();
    await page.getByLabel("Together by").selectOption("forwards");
    await settled(page);
    expect(await counts()).not.toEqual(byShare);
    await screenshot(page, "compare");
    await settled(page);
    expect(page.url()).toContain("other=");
    // Options of a decoder are a long line: it breaks, and no pane lies over its neighbour.
    for (const width of [900, 1180]) {
      await page.setViewportSize({ width, height: 800 });
      const wide = await page
        .locator(".sheet")
        .evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth));
      expect(wide).toHaveLength(0);
    }
  });

  it("says what another threshold would have committed, by the decoders' own rules", async () => {
    const page = await visit("file=student.parquet&step=30");
    await page.keyboard.press("w");
    const panel = page.getByRole("region", { name: "what if" });
    await expect.poll(() => panel.innerText()).toContain("By multi_block itself");
    expect(await panel.innerText()).toMatch(/as in the run,\s+0 more,\s+0 not/);
    await panel.getByRole("slider").fill("2.5");
    await expect.poll(() => page.locator('.canvas span[data-mark="more"]').count()).toBeGreaterThan(5);
    await screenshot(page, "what-if");
  });

  it("says so where nothing but what was committed is known", async () => {
    const page = await visit("file=bare.parquet&step=30&rule=entropy&value=0.2");
    const panel = page.getByRole("region", { name: "what if" });
    expect(await panel.innerText()).toContain("--record-proposals");
    expect(await page.locator(".canvas").innerText()).toContain("⟨");
    await page.locator("input[type=file]").setInputFiles({
      ...{ name: "tokenizer.json", mimeType: "application/json", buffer: Buffer.from(wordTokenizer(400)) },
    });
    await expect.poll(() => page.locator(".canvas").innerText()).toMatch(/w\d+/);
  });
});

describe("files", () => {
  it("of the disk are read in the page, and refused with a sentence", async () => {
    const page = await visit("view=replay", {}, files.url);
    const bytes = readFileSync(join(files.folder, "teacher.parquet"));
    const input = page.locator("input[type=file]");
    await input.setInputFiles({ name: "mine.parquet", mimeType: "application/octet-stream", buffer: bytes });
    await expect
      .poll(() => page.getByLabel("file").locator("option").allInnerTexts())
      .toContain("mine.parquet");
    await input.setInputFiles({
      name: "cut.parquet",
      mimeType: "application/octet-stream",
      buffer: bytes.subarray(0, 900),
    });
    await expect.poll(() => page.getByRole("alert").innerText()).toContain("cut.parquet");
  });

  it("and state go into one HTML file that fetches nothing", async () => {
    const page = await visit("file=student.parquet&step=25&colour=confidence");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Export" }).click(),
    ]);
    const path = join(files.folder, "exported.html");
    await download.saveAs(path);
    expect(readFileSync(path, "utf8")).not.toMatch(/(src|href)="?https?:/);
    const one = await newPage(browser, "file:");
    watched.push(one);
    await one.page.goto(pathToFileURL(path).href);
    await expect.poll(() => one.page.locator(".canvas span").count()).toBeGreaterThan(100);
    expect(await stepOf(one.page)).toBe("25");
    expect(await one.page.getByRole("button", { name: "confidence" }).getAttribute("aria-pressed")).toBe(
      "true",
    );
    await screenshot(one.page, "exported");
  });

  it("are linked with the state of the page", async () => {
    const page = await visit("file=student.parquet&step=12&colour=entropy&place=7&mono=1");
    await page.getByRole("button", { name: "Link" }).click();
    const address = page.url();
    for (const part of ["file=student.parquet", "step=12", "colour=entropy", "place=7", "mono=1"])
      expect(address).toContain(part);
    const again = await visit(address.split("#")[1]!);
    expect(await stepOf(again)).toBe("12");
    expect(await again.locator(".canvas.mono span.selected").getAttribute("data-place")).toBe("7");
  });
});

describe("training", () => {
  it("curves grow with their file, by-ratio buckets included", async () => {
    const page = await visit("view=training");
    await expect.poll(() => page.locator("progress").count()).toBe(1);
    expect(await page.getByRole("img", { name: /Loss by masked share/ }).count()).toBe(1);
    expect(await page.locator("main").innerText()).toContain("90–100 % masked");
    await screenshot(page, "training");
    appendFileSync(
      join(files.folder, "train/metrics.jsonl"),
      metricsLines(1500).slice(metricsLines(1200).length),
    );
    await expect
      .poll(() => page.locator("main").innerText(), { timeout: 10_000 })
      .toContain("step 1,500 of 2,000");
    await page.emulateMedia({ colorScheme: "dark" });
    await screenshot(page, "training-dark");
  });
});

describe("an evaluation", () => {
  it("is browsed: scores, filters, search, and the replay of an answer", async () => {
    const page = await visit("view=evaluation");
    expect(await page.getByRole("region", { name: "scores" }).innerText()).toContain("47.4 %");
    await page.getByRole("button", { name: /^wrong/ }).click();
    await expect.poll(() => page.locator("details").count()).toBeGreaterThan(5);
    expect(new Set(await page.locator(".badge").allInnerTexts())).toEqual(new Set(["✗ wrong"]));
    await page.getByRole("button", { name: /^all/ }).click();
    await page.getByRole("searchbox").fill("kites/2");
    await page.locator("details summary").first().click();
    await screenshot(page, "evaluation");
    await page.getByRole("button", { name: "Replay", exact: true }).last().click();
    await expect.poll(() => page.locator(".canvas").count()).toBe(1);
    expect(await page.getByLabel("sequence").inputValue()).toBe("2");
  });
});

describe("live", () => {
  let server: TestServer;
  const answer = "Two kites and three kites are five kites, <b>really</b>.";
  beforeAll(async () => {
    const pause = () => new Promise((done) => setTimeout(done, 15));
    const engine = new ScriptedEngine({ answer: () => answer, pause });
    server = await testServer({ engine, pages: builtPages() });
  });
  afterAll(() => server?.server.stop(0));

  it("generation comes from the server, and is kept for replay", async () => {
    const page = await visit("view=live", {}, `${server.url}/`);
    await page.getByLabel("Prompt").fill("How many kites?");
    await page.getByRole("button", { name: "Write" }).click();
    await expect.poll(() => page.locator(".canvas span.fresh").count()).toBeGreaterThan(0);
    await screenshot(page, "live");
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await violations(page), colorScheme).toEqual([]);
    }
    await page.getByRole("button", { name: "Replay it" }).click();
    await expect.poll(() => page.locator(".canvas span").count()).toBe(9);
    expect(await page.locator(".canvas").innerText()).toBe(answer);
    await settled(page);
    await page.keyboard.press("2");
    await page.keyboard.press("Home");
    expect(await openCount(page)).toBe(9);
    expect(await page.locator(".canvas span[data-level]").count()).toBe(9);
  });

  it("errors are told in the server's words", async () => {
    const page = await visit("view=live", {}, `${server.url}/`);
    await page.getByLabel("Options").fill("colour=blue");
    await page.getByLabel("Prompt").fill("x");
    await page.getByRole("button", { name: "Write" }).click();
    await expect.poll(() => page.getByRole("alert").innerText()).toContain("colour");
    watched.pop(); // a refused request stands in the console
  });
});

describe("for everyone", () => {
  const views = {
    replay: "file=student.parquet&step=40&place=12",
    compare: "file=teacher.parquet&other=student.parquet&step=40&rule=confidence&value=0.5",
    entropy: "file=teacher.parquet&colour=entropy",
    training: "view=training&file=train/metrics.jsonl",
    evaluation: "view=evaluation&file=eval/results.json",
  };
  for (const [name, address] of Object.entries(views)) {
    it(`no rule of accessibility is broken in the light, in the dark and on a narrow screen: ${name}`, async () => {
      const page = await visit(address);
      if (name === "evaluation") await page.locator("details summary").first().click();
      await settled(page);
      expect(await violations(page), "light").toEqual([]);
      await page.emulateMedia({ colorScheme: "dark" });
      await screenshot(page, `dark-${name}`);
      expect(await violations(page), "dark").toEqual([]);
      await page.emulateMedia({ colorScheme: "light" });
      await page.setViewportSize({ width: 390, height: 844 });
      await settled(page);
      await screenshot(page, `narrow-${name}`);
      const [wide, shown] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      expect(wide).toBeLessThanOrEqual(shown!);
      expect(await violations(page), "narrow").toEqual([]);
    }, 180_000);
  }

  it("keys are listed, and can be switched off", async () => {
    const page = await visit("file=student.parquet&step=5");
    await page.keyboard.press("?");
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    await screenshot(page, "keys");
    expect(await violations(page)).toEqual([]);
    await dialog.getByRole("checkbox").uncheck();
    await dialog.getByRole("button", { name: "Close" }).click();
    await page.keyboard.press("c");
    expect(await page.locator(".canvas").count()).toBe(1);
  });

  it("a reader of the screen is told the step and its text", async () => {
    const page = await visit("file=student.parquet&step=10");
    await expect
      .poll(() => page.locator("p[role=status].unseen").innerText())
      .toMatch(/Step 10 of \d+: \d+ of \d+ tokens\. .*open\]/s);
    expect(await page.getByRole("slider", { name: "step" }).getAttribute("aria-valuetext")).toMatch(
      /^step 10 of/,
    );
  });
});

it("nothing was asked of another host, and no page complained", () => {
  expect(watched.length).toBeGreaterThan(10);
  expect(watched.flatMap(({ foreign }) => foreign)).toEqual([]);
  const problems = watched.flatMap((one) => one.problems);
  expect(problems).toEqual([]);
});
