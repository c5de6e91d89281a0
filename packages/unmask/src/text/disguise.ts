// Characters in disguise: each stands as a private-use character of its own, of the same length in UTF-16, that occurs
// in none of the texts at hand. So a text in disguise has the same places, and taking the disguise off is exact. When
// no private-use character is left (6,400 in the basic plane, 131,000 beyond), a character stays as it is.
const privateUse = /[\u{E000}-\u{F8FF}\u{F0000}-\u{10FFFF}]/gu;

export class Disguise {
  private readonly twins = new Map<string, string>();
  private readonly faces = new Map<string, string>();
  private readonly taken: ReadonlySet<string>;
  private nextShort = 0xe000;
  private nextLong = 0xf0000;

  constructor(texts: readonly string[]) {
    this.taken = new Set(texts.flatMap((text) => text.match(privateUse) ?? []));
  }

  hide(text: string, mask: Uint8Array | undefined): string {
    if (mask === undefined) return text;
    let hidden = "";
    for (const character of text) hidden += mask[hidden.length] === 1 ? this.twin(character) : character;
    return hidden;
  }

  reveal(output: string): { text: string; marks: Uint8Array } {
    const marks = new Uint8Array(output.length);
    let text = "";
    for (const character of output) {
      const face = this.faces.get(character);
      if (face !== undefined) marks.fill(1, text.length, text.length + character.length);
      text += face ?? character;
    }
    return { text, marks };
  }

  isIn(text: string): boolean {
    return Array.from(text).some((character) => this.faces.has(character));
  }

  private twin(character: string): string {
    const known = this.twins.get(character);
    if (known !== undefined) return known;
    let twin: string;
    do {
      const code = character.length === 1 ? this.nextShort++ : this.nextLong++;
      if (code === 0xf900 || code === 0xffffe) return character; // none left
      twin = String.fromCodePoint(code);
    } while (this.taken.has(twin));
    this.twins.set(character, twin);
    this.faces.set(twin, character);
    return twin;
  }
}
