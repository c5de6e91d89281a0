// Files behind the page as `unmask inspect open` serves them, and a server that generates from a script.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openFiles } from "#unmask/cli/inspect-open-files.ts";
import { fileServer } from "#unmask/cli/inspect-open-server.ts";
import { readPages } from "#unmask/serve/http/pages.ts";
import type { Made } from "./trajectories.ts";

export const builtPages = () =>
  readPages(fileURLToPath(new URL("../../../packages/unmask/dist/inspector", import.meta.url)));

export interface Served {
  /** Ends with a slash. */
  readonly url: string;
  readonly folder: string;
  close(): void;
}

export async function serveFiles(files: readonly Made[]): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), "unmask-inspector-"));
  for (const { name, bytes } of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  const opened = openFiles(folder).map((one) => ({
    ...one,
    name: one.name.slice(one.name.indexOf("/") + 1),
  }));
  const server = fileServer({ pages: builtPages(), files: opened, token: "secret" });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/secret/`,
    folder,
    close() {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
