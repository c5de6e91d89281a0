// Units that answers carry, and words that are no mathematics. A unit is dropped where only one side has one, and
// compared where both have.

/** Unit to dimension and size in the smallest unit of that dimension. */
const table: Readonly<Record<string, readonly [dimension: string, size: number]>> = {
  mm: ["length", 1],
  cm: ["length", 10],
  dm: ["length", 100],
  km: ["length", 1e6],
  meter: ["length", 1000],
  metre: ["length", 1000],
  inch: ["inch", 1],
  inches: ["inch", 1],
  in: ["inch", 1],
  ft: ["inch", 12],
  foot: ["inch", 12],
  feet: ["inch", 12],
  yd: ["inch", 36],
  yard: ["inch", 36],
  mi: ["inch", 63360],
  mile: ["inch", 63360],
  mg: ["mass", 1],
  gram: ["mass", 1000],
  kg: ["mass", 1e6],
  kilogram: ["mass", 1e6],
  lb: ["ounce", 16],
  lbs: ["ounce", 16],
  pound: ["ounce", 16],
  oz: ["ounce", 1],
  ounce: ["ounce", 1],
  ml: ["volume", 1],
  liter: ["volume", 1000],
  litre: ["volume", 1000],
  sec: ["time", 1],
  second: ["time", 1],
  min: ["time", 60],
  minute: ["time", 60],
  hr: ["time", 3600],
  hour: ["time", 3600],
  day: ["time", 86400],
  week: ["time", 604800],
  month: ["month", 1],
  year: ["month", 12],
  cent: ["money", 1],
  dollar: ["money", 100],
  centimeter: ["length", 10],
  centimetre: ["length", 10],
  millimeter: ["length", 1],
  kilometer: ["length", 1e6],
  kilometre: ["length", 1e6],
};

/** Short words that may follow a number without being letters of a formula. */
const short: ReadonlySet<string> = new Set(
  "mph kmh km mm cm dm ft in inch mi yd mg kg lb lbs oz ml sec min hr hrs day days usd eur sq pct yen deg rad".split(
    " ",
  ),
);
/** Short words of sentences. */
const small: ReadonlySet<string> = new Set("of is the are per for all mod".split(" "));

export const isShortUnit = (word: string): boolean => short.has(word.toLowerCase());
export const isSmallWord = (word: string): boolean => small.has(word.toLowerCase());

function singular(word: string): string {
  if (word in table) return word;
  if (word === "inches") return "inch";
  return word.endsWith("s") && word.slice(0, -1) in table ? word.slice(0, -1) : word;
}

function known(unit: string) {
  const words = unit.toLowerCase().match(/[a-z]+/g) ?? [];
  if (words.length !== 1) return undefined;
  return Object.hasOwn(table, singular(words[0]!)) ? table[singular(words[0]!)] : undefined;
}

const powerOf = (unit: string): string => /[23]/.exec(unit)?.[0] ?? "1";

/** How many of unit `b` one `a` is: 1 if either is unknown, undefined if they cannot be compared. */
export function unitRatio(a: string, b: string): number | undefined {
  const [first, second] = [known(a), known(b)];
  if (first === undefined || second === undefined || powerOf(a) !== powerOf(b)) return 1;
  return first[0] === second[0] ? (first[1] / second[1]) ** Number(powerOf(a)) : undefined;
}
