import { describe, expect, it } from "vitest";
import { displayWidth, hasColours, isLive, LiveArea, printable, styles } from "./terminal.ts";

describe("styles", () => {
  it("colours a terminal only, and not one whose owner refuses", () => {
    const terminal = { isTTY: true, write: () => true };
    const pipe = { write: () => true };
    expect(hasColours(terminal, {})).toBe(true);
    expect(hasColours(terminal, { NO_COLOR: "" })).toBe(true);
    expect(hasColours(terminal, { NO_COLOR: "1" })).toBe(false);
    expect(hasColours(terminal, { TERM: "dumb" })).toBe(false);
    expect(hasColours(pipe, {})).toBe(false);
    expect(isLive(terminal, { NO_COLOR: "1" })).toBe(true);
    expect(styles(false).bold("x")).toBe("x");
    expect(styles(true).bold("x")).toBe("\x1b[1mx\x1b[22m");
  });
});

describe("displayWidth", () => {
  it.each([
    ["", 0],
    ["abc", 3],
    ["é", 1],
    ["e\u0301", 1],
    ["日本", 4],
    ["한", 2],
    ["😀", 2],
    [styles(true).red("ab"), 2],
    ["░━─", 3],
  ])("%j", (text, width) => expect(displayWidth(text)).toBe(width));
});

describe("printable", () => {
  it("lets no control character of a model through", () => {
    expect(printable("a\x1b[2Jb")).toBe("a␛[2Jb");
    expect(printable("a\tb\r\nc\rd\0\x7f\x9b")).toBe("a b\nc␍d␀\uFFFD\uFFFD");
    expect(printable("a\u202eb")).toBe("a\uFFFDb");
    expect(printable("naïve 日本 😀")).toBe("naïve 日本 😀");
  });
});

/** A terminal of some columns that understands what LiveArea writes. */
class FakeTerminal {
  readonly isTTY = true;
  columns: number;
  writes = 0;
  cursorShown = true;
  private readonly screen: string[] = [""];
  private row = 0;
  private column = 0;

  constructor(columns = 20) {
    this.columns = columns;
  }

  write(text: string): boolean {
    this.writes++;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences are what a terminal reads
    for (const part of text.match(/\x1b\[\??\d*[A-Za-z]|\n|\r|[^\x1b\n\r]+/g) ?? []) this.read(part);
    return true;
  }

  get lines(): string[] {
    return this.screen.map((line) => line.trimEnd());
  }

  private read(part: string): void {
    const line = this.screen[this.row]!;
    if (part === "\r") this.column = 0;
    else if (part === "\n") {
      this.row++;
      this.column = 0;
      this.screen[this.row] ??= "";
    } else if (part === "\x1b[?25l") this.cursorShown = false;
    else if (part === "\x1b[?25h") this.cursorShown = true;
    else if (part === "\x1b[K") this.screen[this.row] = line.slice(0, this.column);
    else if (part === "\x1b[J") {
      this.screen[this.row] = line.slice(0, this.column);
      this.screen.length = this.row + 1;
    } else if (part.endsWith("A") && part.startsWith("\x1b[")) this.row -= Number.parseInt(part.slice(2), 10);
    else {
      this.screen[this.row] =
        line.padEnd(this.column).slice(0, this.column) + part + line.slice(this.column + part.length);
      this.column += part.length;
    }
  }
}

describe("LiveArea", () => {
  it("replaces its lines, each time in one write, and hides the cursor meanwhile", () => {
    const terminal = new FakeTerminal();
    const area = new LiveArea(terminal);
    area.draw(["one", "two two", "three"]);
    expect(terminal.lines).toEqual(["one", "two two", "three"]);
    expect(terminal.cursorShown).toBe(false);
    area.draw(["1", "2"]);
    expect(terminal.lines).toEqual(["1", "2"]);
    expect(terminal.writes).toBe(2);
    area.draw(["1", "2"]);
    expect(terminal.writes).toBe(2);
    area.finish();
    expect(terminal.lines).toEqual(["1", "2", ""]);
    expect(terminal.cursorShown).toBe(true);
  });

  it("writes above itself", () => {
    const terminal = new FakeTerminal();
    const area = new LiveArea(terminal);
    area.draw(["bar"]);
    area.above("a message");
    expect(terminal.lines).toEqual(["a message", "bar"]);
    area.clear();
    expect(terminal.lines).toEqual(["a message", ""]);
    area.finish();
  });

  it("draws once a turn, what is current then, and not after the end", async () => {
    const terminal = new FakeTerminal();
    const area = new LiveArea(terminal);
    let text = "first";
    area.drawSoon(() => [text]);
    text = "second";
    area.drawSoon(() => [text]);
    expect(terminal.writes).toBe(0);
    await new Promise(setImmediate);
    expect(terminal.lines).toEqual(["second"]);
    area.drawSoon(() => ["late"]);
    area.finish();
    await new Promise(setImmediate);
    expect(terminal.lines).toEqual(["second", ""]);
  });

  it("goes up over lines that a narrower terminal has wrapped", () => {
    const written: string[] = [];
    const stream = { isTTY: true, columns: 20, write: (text: string) => written.push(text) > 0 };
    const area = new LiveArea(stream);
    area.draw(["x".repeat(19), "yy"]);
    stream.columns = 10;
    area.draw(["z"]);
    expect(written[1]).toBe("\r\x1b[2A\x1b[Jz\x1b[J");
    area.finish();
  });
});
