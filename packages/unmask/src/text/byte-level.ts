// Byte-level token spelling, as GPT-2 introduced it: every byte has one printable character, so that a token that is
// not valid UTF-8 by itself still has a name in a JSON file. Printable Latin-1 bytes stand for themselves (`!`..`~`,
// U+00A1..U+00AC, U+00AE..U+00FF); the other 68 bytes, in order, are U+0100, U+0101, ... So a space is `Ġ` (U+0120).
//
// `alphabet` lists the 256 characters by code point: the order of ids that GPT-2 and Hugging Face's trainer give them.

const standsForItself = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;

/** byte -> character */
export const byteCharacters: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCodePoint(standsForItself(byte) ? byte : next++),
  );
})();

const characterBytes: ReadonlyMap<string, number> = new Map(byteCharacters.map((text, byte) => [text, byte]));

/** The 256 characters in code point order. */
export const alphabet: readonly string[] = [...byteCharacters].sort(
  (a, b) => a.charCodeAt(0) - b.charCodeAt(0),
);

/** The bytes that a byte-level token spells, or undefined if it holds a character that spells none. */
export function spelledBytes(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length); // every spelling character is one UTF-16 unit
  for (let index = 0; index < token.length; index++) {
    const byte = characterBytes.get(token[index]!);
    if (byte === undefined) return undefined;
    bytes[index] = byte;
  }
  return bytes;
}
