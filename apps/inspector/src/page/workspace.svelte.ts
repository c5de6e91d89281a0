// Everything that is open, and what of it is looked at.

import { encodeTrajectories, type TrajectoryFile } from "#unmask/trajectory/file.ts";
import type { TokenTexts } from "#unmask/trajectory/token-texts.ts";
import { type Opened, open } from "../files/open.ts";
import { textsFrom } from "../files/vocabulary.ts";
import { type Address, noAddress, readAddress, type View, writeAddress } from "./address.ts";
import { bytesOf, readSession, type Session, type SessionFile } from "./session.ts";

export type OpenedTrajectory = Extract<Opened, { kind: "trajectory" }>;

/** Milliseconds between the last change and the new address in the browser's bar. */
const settled = 300;
/** Milliseconds between two looks at a file that grows. */
const followEvery = 1000;

export class Workspace {
  session: Session = $state.raw({ live: false, files: [] });
  opened: readonly Opened[] = $state.raw([]);
  problems: readonly string[] = $state.raw([]);
  address: Address = $state.raw(noAddress);
  isReady = $state(false);
  /** What was opened, byte for byte: an export takes it along. */
  sources: readonly { readonly name: string; readonly bytes: Uint8Array }[] = [];
  /** Texts by name of file, where they do not stand in it. */
  private texts: ReadonlyMap<string, TokenTexts> = $state.raw(new Map());
  private timer: ReturnType<typeof setTimeout> | undefined;

  async begin(): Promise<void> {
    try {
      this.session = await readSession();
    } catch (error) {
      this.tell(error);
    }
    const own = location.hash.length > 1 ? location.hash : (this.session.address ?? "");
    this.address = readAddress(own);
    await Promise.all(this.session.files.map((file) => this.openFrom(file)));
    addEventListener("hashchange", () => {
      this.address = readAddress(location.hash);
    });
    this.isReady = true;
  }

  private async openFrom(file: SessionFile): Promise<void> {
    try {
      const bytes = await bytesOf(file);
      await this.add(file.name, bytes);
      if (file.textsUrl !== undefined) {
        const answer = await fetch(file.textsUrl);
        if (answer.ok) this.texts = new Map(this.texts).set(file.name, (await answer.json()) as TokenTexts);
      }
      if (file.follows === true) this.follow(file, bytes);
    } catch (error) {
      this.tell(error);
    }
  }

  /** Looks again and again for what a file has gained. */
  private follow(file: SessionFile, first: Uint8Array): void {
    let bytes = first;
    const look = async () => {
      try {
        const answer = await fetch(`${file.url}?from=${bytes.length}`);
        if (!answer.ok) return;
        const more = new Uint8Array(await answer.arrayBuffer());
        if (answer.headers.get("x-begins-at") === "0") bytes = more;
        else if (more.length > 0) bytes = joined(bytes, more);
        else return;
        await this.add(file.name, bytes);
      } catch {
        // The server is gone; what was read stays.
      } finally {
        setTimeout(look, followEvery);
      }
    };
    setTimeout(look, followEvery);
  }

  /** Files that somebody chose or dropped. */
  async take(files: Iterable<File>): Promise<void> {
    for (const file of files) {
      try {
        await this.add(file.webkitRelativePath || file.name, new Uint8Array(await file.arrayBuffer()));
      } catch (error) {
        this.tell(error);
      }
    }
  }

  private async add(name: string, bytes: Uint8Array): Promise<void> {
    const one = await open(name, bytes);
    const others = this.opened.filter((known) => known.name !== name);
    this.sources = [...this.sources.filter((known) => known.name !== name), { name, bytes }];
    this.opened = [...others, one].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.problems = [];
  }

  /** Keeps what a server told as a file of this page. Returns its name. */
  keep(file: TrajectoryFile): string {
    const taken = this.opened.filter(({ name }) => name.startsWith("live ")).length;
    const name = `live ${taken + 1}`;
    const bytes = encodeTrajectories(file.header, file.rows, file.texts);
    this.opened = [...this.opened, { name, kind: "trajectory", file, bytes }];
    return name;
  }

  tell(error: unknown): void {
    this.problems = [...this.problems, error instanceof Error ? error.message : String(error)];
  }

  get trajectories(): readonly OpenedTrajectory[] {
    return this.opened.filter((one) => one.kind === "trajectory");
  }

  /** Of a file's tokens: its own, the server's, or those of a tokenizer.json beside it. */
  textsOf({ name, file }: OpenedTrajectory): TokenTexts | undefined {
    if (file.texts !== undefined) return file.texts;
    const told = this.texts.get(name);
    if (told !== undefined) return told;
    const beside = this.opened.find((one) => one.kind === "tokenizer");
    return beside === undefined ? undefined : textsFrom(beside.tokenizer, beside.name, file);
  }

  get view(): View {
    const { view } = this.address;
    if (view !== undefined) return view;
    if (this.trajectories.length > 0) return "replay";
    if (this.opened.some(({ kind }) => kind === "metrics")) return "training";
    if (this.opened.some(({ kind }) => kind === "results" || kind === "samples")) return "evaluation";
    return this.session.live ? "live" : "replay";
  }

  go(change: Partial<Address>): void {
    this.address = { ...this.address, ...change };
    clearTimeout(this.timer);
    this.timer = setTimeout(() => history.replaceState(null, "", `#${this.link()}`), settled);
  }

  link(): string {
    return writeAddress({ ...this.address, view: this.view });
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
