// Sets of tokens by one bit each, lowest id first: what a column may take.

export interface TokenSet {
  readonly bits: Uint32Array;
  readonly count: number;
}

export const hasToken = ({ bits }: TokenSet, token: number): boolean =>
  token >= 0 && token >>> 5 < bits.length && ((bits[token >>> 5]! >>> (token & 31)) & 1) === 1;

/** The lowest token of the set, −1 if it has none. */
export function firstToken({ bits }: TokenSet): number {
  const word = bits.findIndex((one) => one !== 0);
  if (word < 0) return -1;
  return word * 32 + (31 - Math.clz32(bits[word]! & -bits[word]!));
}

export const setBit = (bits: Uint32Array, token: number): void => {
  bits[token >>> 5]! |= 1 << (token & 31);
};

/** The set that these bits are. */
export function tokenSet(bits: Uint32Array): TokenSet {
  let count = 0;
  for (let word of bits) for (; word !== 0; word &= word - 1) count++;
  return { bits, count };
}
