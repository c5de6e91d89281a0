// `unmask inspect open FILE…`: the inspector's page on files of this machine. A small server on the loopback address
// gives out the page and the named files, under a path that nobody can guess, and nothing else.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { UnmaskError, UsageError } from "../base/errors.ts";
import { type Pages, readPages } from "../serve/http/pages.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { type OpenFile, openFiles } from "./inspect-open-files.ts";
import { fileServer } from "./inspect-open-server.ts";
import { onInterrupt } from "./interrupt.ts";

export interface OpenFlags {
  readonly model?: string;
  readonly port?: number;
  /** False for --no-browser. */
  readonly browser: boolean;
  readonly json?: boolean;
}

/** Serves until it is interrupted. Returns the exit code. */
export async function openVerb(paths: readonly string[], flags: OpenFlags): Promise<number> {
  if (paths.length === 0) {
    throw new UsageError("no file is named; give one, as in unmask inspect open out.parquet");
  }
  const files = paths.flatMap(filesAt);
  const tokenizer = flags.model === undefined ? undefined : await readTokenizer(flags.model);
  const token = randomBytes(16).toString("hex");
  const server = fileServer({ pages: builtPages(), files, token, tokenizer });
  await new Promise<void>((done, fail) => {
    server.once("error", (error: NodeJS.ErrnoException) => fail(notListening(error, flags.port)));
    server.listen(flags.port ?? 0, "127.0.0.1", done);
  });
  const { port } = server.address() as AddressInfo;
  const address = `http://127.0.0.1:${port}/${token}/`;
  process.stdout.write(
    flags.json ? `${JSON.stringify({ address, files: files.map(({ name }) => name) })}\n` : `${address}\n`,
  );
  if (!flags.json)
    process.stderr.write(`${files.length === 1 ? "1 file" : `${files.length} files`}; Ctrl-C ends it.\n`);
  if (flags.browser && !flags.json) showInBrowser(address);
  const interrupt = onInterrupt(() => undefined);
  await new Promise<void>((done) => {
    if (interrupt.signal.aborted) done();
    interrupt.signal.addEventListener("abort", () => done());
  });
  interrupt.release();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  return 0;
}

/** Beside the compiled code, as it is published. Throws an UnmaskError if it was not built. */
function builtPages(): Pages {
  const folder = fileURLToPath(new URL("../inspector", import.meta.url));
  const pages = readPages(folder);
  if (pages.size > 0) return pages;
  throw new UnmaskError(`the inspector's page is not built (${folder} is missing); run npm run build`, {
    folder,
  });
}

function filesAt(path: string): OpenFile[] {
  if (!existsSync(path)) {
    throw new UsageError(`${path}: no such file; give trajectories, metrics.jsonl or the folder of a run`, {
      path,
    });
  }
  const files = openFiles(path);
  if (files.length > 0) return files;
  const what = statSync(path).isDirectory()
    ? "a folder without trajectories, metrics or results"
    : "an empty file";
  throw new UsageError(`${path} is ${what}; give one that unmask wrote`, { path });
}

/** Only here is anything needed that has to do with models. */
async function readTokenizer(source: string): Promise<Tokenizer> {
  const { describe, tokenizerOf } = await import("../generate/load.ts");
  const { model, tokenizer } = await describe(source);
  return tokenizerOf({ folder: model.folder, tokenizer });
}

function notListening({ code }: NodeJS.ErrnoException, port: number | undefined): Error {
  const reason = code === "EADDRINUSE" ? "is taken" : `cannot be used (${code})`;
  return new UsageError(`port ${port} ${reason}; give another, or none, and a free one is chosen`, { port });
}

/** The system's own way; where there is none, the printed address must do. */
function showInBrowser(address: string): void {
  const [program, ...first] = { darwin: ["open"], win32: ["cmd", "/c", "start", ""] }[
    process.platform as string
  ] ?? ["xdg-open"];
  const child = spawn(program!, [...first, address], { stdio: "ignore", detached: true });
  child.on("error", () => undefined);
  child.unref();
}
