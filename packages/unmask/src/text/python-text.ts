// Python's string methods, as chat templates call them. The template engine runs JavaScript's instead, which differ:
// `strip("\n")` ignores its argument there and takes spaces too, and white space means other characters.
// str.isspace: Unicode's white space and the four separators U+001C..U+001F
const isSpace = (character: string): boolean =>
  /\p{White_Space}/u.test(character) || (character >= "\x1c" && character <= "\x1f");

function stripper(characters: unknown): (character: string) => boolean {
  if (characters === undefined || characters === null) return isSpace;
  if (typeof characters !== "string") throw new Error("strip needs a text of characters");
  const set = new Set(characters);
  return (character) => set.has(character);
}

function strip(
  text: string,
  characters: unknown,
  { left, right }: { left: boolean; right: boolean },
): string {
  const goes = stripper(characters);
  const units = Array.from(text);
  let from = 0;
  let to = units.length;
  while (left && from < to && goes(units[from]!)) from++;
  while (right && to > from && goes(units[to - 1]!)) to--;
  return units.slice(from, to).join("");
}

/** `str.strip()`. */
export const pythonStrip = (text: string): string => strip(text, undefined, { left: true, right: true });

/** `str.rstrip()`. */
export const pythonTrimEnd = (text: string): string => strip(text, undefined, { left: false, right: true });

/** `str.capitalize()`. */
export function capitalized(text: string): string {
  const [head = "", ...tail] = Array.from(text);
  return head.toUpperCase() + tail.join("").toLowerCase();
}

/** Whether a text is not empty and begins (ends) with white space, by `str.isspace`. */
export const beginsWithSpace = (text: string): boolean => text !== "" && isSpace(Array.from(text)[0]!);
export const endsWithSpace = (text: string): boolean => text !== "" && isSpace(Array.from(text).at(-1)!);

const argument = (value: unknown): string => {
  if (typeof value !== "string") throw new Error("a text was expected as argument");
  return value;
};

const methods: Readonly<Record<string, (text: string, first: unknown) => unknown>> = {
  strip: (text, characters) => strip(text, characters, { left: true, right: true }),
  lstrip: (text, characters) => strip(text, characters, { left: true, right: false }),
  rstrip: (text, characters) => strip(text, characters, { left: false, right: true }),
  removeprefix: (text, part) => (text.startsWith(argument(part)) ? text.slice(argument(part).length) : text),
  removesuffix: (text, part) =>
    text.endsWith(argument(part)) ? text.slice(0, text.length - argument(part).length) : text,
  capitalize: capitalized,
};

export const isPythonMethod = (name: string): boolean => Object.hasOwn(methods, name);

/** Calls a method of a text; `value` comes from the template and may be anything. */
export function callPythonMethod(name: string, value: unknown, first: unknown): unknown {
  if (typeof value !== "string") {
    throw new Error(
      `${name} is called on ${value === undefined || value === null ? "nothing" : "what is no text"}`,
    );
  }
  return methods[name]!(value, first);
}

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = "January February March April May June July August September October November December".split(
  " ",
);
const two = (value: number): string => String(value).padStart(2, "0");

/** `strftime`, with English names whatever the machine's language. */
export function formatTime(date: Date, format: string): string {
  const parts: Readonly<Record<string, () => string>> = {
    Y: () => String(date.getFullYear()),
    y: () => two(date.getFullYear() % 100),
    m: () => two(date.getMonth() + 1),
    B: () => months[date.getMonth()]!,
    b: () => months[date.getMonth()]!.slice(0, 3),
    d: () => two(date.getDate()),
    A: () => days[date.getDay()]!,
    a: () => days[date.getDay()]!.slice(0, 3),
    H: () => two(date.getHours()),
    I: () => two(date.getHours() % 12 || 12),
    p: () => (date.getHours() < 12 ? "AM" : "PM"),
    M: () => two(date.getMinutes()),
    S: () => two(date.getSeconds()),
    "%": () => "%",
  };
  return format.replace(/%(.)/g, (whole, letter: string) => {
    return Object.hasOwn(parts, letter) ? parts[letter]!() : whole;
  });
}
