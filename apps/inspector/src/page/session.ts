// What the page was opened with: a list of files behind it, a server that generates, or files inside the page itself
// where it was exported.

export interface Session {
  /** Whether a server stands behind the page that generates. */
  readonly live: boolean;
  readonly files: readonly SessionFile[];
  /** Where an exported page begins: the part of its address behind "#". */
  readonly address?: string;
}

export interface SessionFile {
  readonly name: string;
  /** Relative to the page; a server answers `?from=N` with what lies behind the first N bytes. */
  readonly url?: string;
  /** Whether the file may still grow. */
  readonly follows?: boolean;
  /** Texts of its tokens as JSON, where the server has a tokenizer for it. */
  readonly textsUrl?: string;
  /** The file itself, in base64. */
  readonly content?: string;
}

export async function readSession(): Promise<Session> {
  const inside = document.getElementById("session")?.textContent;
  if (inside) return JSON.parse(inside) as Session;
  if (!location.protocol.startsWith("http")) return { live: false, files: [] };
  const answer = await fetch("session.json");
  if (!answer.ok) return { live: false, files: [] };
  return (await answer.json()) as Session;
}

export async function bytesOf(file: SessionFile): Promise<Uint8Array> {
  if (file.content !== undefined) return fromBase64(file.content);
  const answer = await fetch(file.url!);
  if (!answer.ok)
    throw new Error(`${file.name} could not be read (${answer.status}); is the server still there?`);
  return new Uint8Array(await answer.arrayBuffer());
}

export function fromBase64(text: string): Uint8Array {
  const characters = atob(text);
  return Uint8Array.from(characters, (character) => character.charCodeAt(0));
}

export function toBase64(bytes: Uint8Array): string {
  let characters = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    characters += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(characters);
}
