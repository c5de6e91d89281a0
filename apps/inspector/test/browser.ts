// Chromium for tests: Debian's, driven by Playwright. Whatever the page writes to its console, and whatever it asks of
// another host, is kept, so that a test can say there was nothing.

import { existsSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export async function launch(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? usual.find(existsSync);
  if (executablePath === undefined) {
    throw new Error("no Chromium is installed; run apt-get install chromium, or name one in CHROMIUM");
  }
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
}

export interface Watched {
  readonly page: Page;
  readonly problems: string[];
  /** Addresses outside the page's own origin. */
  readonly foreign: string[];
}

export async function newPage(
  browser: Browser,
  own: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  const problems: string[] = [];
  const foreign: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(own)) foreign.push(request.url());
  });
  return { page, problems, foreign };
}

const folder = fileURLToPath(new URL("../../../.unmask/inspector/screenshots/", import.meta.url));
mkdirSync(folder, { recursive: true });

export const screenshot = (page: Page, name: string): Promise<Buffer> =>
  page.screenshot({ path: `${folder}${name}.png`, animations: "disabled" });
