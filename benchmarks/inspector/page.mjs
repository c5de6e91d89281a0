// @ts-check
// The inspector on a file in Chromium, scrubbed a position a frame while the browser traces itself.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { openFiles } from "../../packages/unmask/dist/cli/inspect-open-files.js";
import { fileServer } from "../../packages/unmask/dist/cli/inspect-open-server.js";
import { readPages } from "../../packages/unmask/dist/serve/http/pages.js";
import { UsageError } from "../lib/usage-error.mjs";

const pages = fileURLToPath(new URL("../../packages/unmask/dist/inspector", import.meta.url));
const usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const categories = ["devtools.timeline", "disabled-by-default-devtools.timeline", "blink.user_timing"];

/** @param {string} file */
export async function openPage(file) {
  const executablePath = process.env.CHROMIUM ?? usual.find(existsSync);
  if (executablePath === undefined)
    throw new UsageError("no Chromium is installed; run apt-get install chromium, or name one in CHROMIUM");
  const server = fileServer({ pages: readPages(pages), files: openFiles(file), token: "bench" });
  await new Promise((done) => server.listen(0, "127.0.0.1", () => done(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  return {
    version: browser.version(),
    /** @param {{ colour: string, positions: number[] }} asked */
    async scrub({ colour, positions }) {
      await page.goto(`http://127.0.0.1:${port}/bench/#colour=${colour}&step=0`);
      await page.reload();
      await page.locator(".canvas span").first().waitFor();
      await page.waitForTimeout(1000);
      await browser.startTracing(page, { categories });
      await page.evaluate(`(${scrubbing})(${JSON.stringify(positions)})`);
      return /** @type {{ traceEvents: any[] }} */ (JSON.parse((await browser.stopTracing()).toString()))
        .traceEvents;
    },
    async close() {
      await browser.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Runs in the page: moves the slider as a hand does, once a frame. */
const scrubbing = `async (positions) => {
  const slider = document.querySelector(".transport input[type=range]");
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  for (const position of positions) {
    await frame();
    performance.mark("step");
    slider.value = String(position);
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  }
  await frame();
  performance.mark("step");
}`;
