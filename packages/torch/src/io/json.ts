// JSON of files that are not trusted: JSON.parse plus what it lets pass, a key given twice in one object (the last
// one would silently win, and two readers could see two different files).

/** Parses `text`; throws an Error with one sentence if it is no JSON or an object has a key twice. */
export function parseStrictJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  const twice = findDuplicateKey(text);
  if (twice !== undefined) throw new Error(`the key ${JSON.stringify(twice)} is given twice`);
  return value;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** The first key that an object of `text` (valid JSON) has twice. */
function findDuplicateKey(text: string): string | undefined {
  const objects: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "{") objects.push(new Set());
    else if (character === "}") objects.pop();
    else if (character === '"') {
      const end = endOfString(text, at);
      if (isKey(text, end)) {
        const key = JSON.parse(text.slice(at, end)) as string;
        const keys = objects.at(-1);
        if (keys?.has(key)) return key;
        keys?.add(key);
      }
      at = end - 1;
    }
  }
  return undefined;
}

/** Position behind the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

/** Whether the string that ends at `end` is followed by a colon. */
function isKey(text: string, end: number): boolean {
  let at = end;
  while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") at++;
  return text[at] === ":";
}
