// Token ids to text that only grows. `push` gives the text that later ids can no longer change; `end` gives the rest.
//
//   ByteStream     bytes of an unfinished UTF-8 character wait for the next id. At a special token, or at the end, they
//                  become U+FFFD, as in the WHATWG decoder. A byte-order mark is kept.
//   WordStream     one space before every word but the first.
//   LibraryStream  decodes a sliding window twice, with and without the newest ids, and gives the difference; waits
//                  while the text ends in U+FFFD (the method of Hugging Face's text-generation-inference).

export interface DecodeStream {
  push(ids: ArrayLike<number>): string;
  /** Gives what is left and makes the stream ready for a new text. */
  end(): string;
}

export function decodeWhole(stream: DecodeStream, ids: ArrayLike<number>): string {
  const text = stream.push(ids);
  return text + stream.end();
}

const unknown = "\uFFFD";

export class ByteStream implements DecodeStream {
  private readonly pieces: readonly (Uint8Array | string)[];
  private readonly decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /** id -> its bytes, or text that stands for itself */
  constructor(pieces: readonly (Uint8Array | string)[]) {
    this.pieces = pieces;
  }

  push(ids: ArrayLike<number>): string {
    let text = "";
    let bytes: number[] = [];
    const flush = () => {
      text += this.decoder.decode(Uint8Array.from(bytes), { stream: true });
      bytes = [];
    };
    for (let index = 0; index < ids.length; index++) {
      const piece = this.pieces[ids[index]!] ?? unknown;
      if (typeof piece !== "string") {
        for (const byte of piece) bytes.push(byte);
      } else if (piece !== "") {
        flush();
        text += this.decoder.decode() + piece;
      }
    }
    flush();
    return text;
  }

  end(): string {
    return this.decoder.decode();
  }
}

export class WordStream implements DecodeStream {
  private started = false;
  private readonly wordOf: (id: number) => string | undefined;
  private readonly skipped: ReadonlySet<number>;

  constructor(wordOf: (id: number) => string | undefined, skipped: ReadonlySet<number>) {
    this.wordOf = wordOf;
    this.skipped = skipped;
  }

  push(ids: ArrayLike<number>): string {
    const words: string[] = [];
    for (let index = 0; index < ids.length; index++) {
      if (!this.skipped.has(ids[index]!)) words.push(this.wordOf(ids[index]!) ?? unknown);
    }
    if (words.length === 0) return "";
    const text = (this.started ? " " : "") + words.join(" ");
    this.started = true;
    return text;
  }

  end(): string {
    this.started = false;
    return "";
  }
}

export class LibraryStream implements DecodeStream {
  private window: number[] = [];
  private given = 0; // ids of the window whose text has been given
  private readonly decode: (ids: number[]) => string;

  constructor(decode: (ids: number[]) => string) {
    this.decode = decode;
  }

  push(ids: ArrayLike<number>): string {
    this.window.push(...Array.from(ids));
    const before = this.decode(this.window.slice(0, this.given));
    const now = this.decode(this.window);
    if (now.endsWith(unknown) || now.length <= before.length) return "";
    this.window = this.window.slice(this.given);
    this.given = this.window.length;
    return now.slice(before.length);
  }

  end(): string {
    const before = this.decode(this.window.slice(0, this.given));
    const text = this.decode(this.window).slice(before.length);
    this.window = [];
    this.given = 0;
    return text;
  }
}
