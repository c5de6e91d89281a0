// One HTML file that holds the page and what it shows: the files that are looked at, their part only, in base64, and the
// address to begin with. It opens from a disk, fetches nothing, and reads its trajectories as every other page does.

import { encodeTrajectories } from "#unmask/trajectory/file.ts";
import { type Session, type SessionFile, toBase64 } from "../page/session.ts";
import type { OpenedTrajectory, Workspace } from "../page/workspace.svelte.ts";

/** Saves what is shown; throws an error where the page's own script cannot be read. */
export async function exportPage(workspace: Workspace): Promise<void> {
  const parts = await ownParts();
  const session: Session = { live: false, files: contents(workspace), address: workspace.link() };
  const blob = new Blob([wholePage(parts, session)], { type: "text/html" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = "unmask-inspector.html";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Sequences that are shown; whole files of everything else that the page had from text. */
function contents(workspace: Workspace): SessionFile[] {
  const { address } = workspace;
  const own = address.file ?? workspace.trajectories[0]?.name;
  const shown = workspace.trajectories.filter(({ name }) => name === own || name === address.other);
  const others = workspace.sources.filter(
    ({ name }) => !workspace.trajectories.some((one) => one.name === name),
  );
  return [
    ...shown.map((one) => ({ name: one.name, content: toBase64(partOf(one, workspace)) })),
    ...others.map(({ name, bytes }) => ({ name, content: toBase64(bytes) })),
  ];
}

/** Most rows of a file that go into a page. */
const mostRows = 64;

/** Throws an error where the file is too long for a page. */
function partOf(one: OpenedTrajectory, workspace: Workspace): Uint8Array {
  const { header, rows } = one.file;
  return encodeTrajectories(header, rows.slice(0, mostRows), workspace.textsOf(one));
}

interface Parts {
  readonly script: string;
  readonly style: string;
  /** Of the script, as a source of the policy. */
  readonly hash: string;
}

async function ownParts(): Promise<Parts> {
  const hash = document.querySelector<HTMLMetaElement>('meta[name="script-hash"]')?.content;
  const script = document.querySelector<HTMLScriptElement>("script[type=module]");
  if (hash === undefined || script === null)
    throw new Error("only the built page can be exported; build it first");
  if (script.src === "") {
    return { hash, script: script.textContent, style: document.querySelector("style")?.textContent ?? "" };
  }
  const sheet = document.querySelector<HTMLLinkElement>("link[rel=stylesheet]");
  const text = async (url: string) => (await fetch(url)).text();
  return { hash, script: await text(script.src), style: sheet === null ? "" : await text(sheet.href) };
}

/** JSON that cannot end the element it stands in. */
const inert = (value: unknown): string => JSON.stringify(value).replaceAll("<", "\\u003c");

function wholePage({ script, style, hash }: Parts, session: Session): string {
  const policy = `default-src 'none'; script-src '${hash}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="script-hash" content="${hash}">
<title>unmask inspector</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<div id="app"></div>
<script type="application/json" id="session">${inert(session)}</script>
<script type="module">${script}</script>
</body>
</html>
`;
}
