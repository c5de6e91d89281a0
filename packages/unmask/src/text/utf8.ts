// Where UTF-8 breaks. A sequence is valid as in RFC 3629 and the WHATWG decoder: no overlong form, no surrogate
// (ED A0..BF), nothing above U+10FFFF (F4 90..), no lone continuation, no cut at the end.

/** [first lead byte, last lead byte, continuation bytes, lowest second byte, highest second byte] */
const forms = [
  [0xc2, 0xdf, 1, 0x80, 0xbf],
  [0xe0, 0xe0, 2, 0xa0, 0xbf],
  [0xe1, 0xec, 2, 0x80, 0xbf],
  [0xed, 0xed, 2, 0x80, 0x9f],
  [0xee, 0xef, 2, 0x80, 0xbf],
  [0xf0, 0xf0, 3, 0x90, 0xbf],
  [0xf1, 0xf3, 3, 0x80, 0xbf],
  [0xf4, 0xf4, 3, 0x80, 0x8f],
] as const;

/** Length of the valid sequence that starts at `at`, or 0. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  const form = forms.find(([first, last]) => lead >= first && lead <= last);
  if (form === undefined) return 0;
  const [, , continuations, lowest, highest] = form;
  const second = bytes[at + 1] ?? 0;
  if (second < lowest || second > highest) return 0;
  for (let index = 2; index <= continuations; index++) {
    if (((bytes[at + index] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  return continuations + 1;
}

/** Offset of the first byte that starts no valid sequence, or -1. */
export function firstInvalidUtf8(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return -1;
}
