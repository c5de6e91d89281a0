// How a step of reasoning is said. The plain form is one; the varied ones say the same in other words, orders and
// lengths, so that a reader who fixes several words at once mixes them up: what few steps cost in natural text.

export const wordings = ["plain", "varied"] as const;
export type Wording = (typeof wordings)[number];

/** {a} {o} {b} make {c}. */
export const stepForms = [
  "{a} {o} {b} = {c} .",
  "{c} is {a} {o} {b} .",
  "now {o} {b} so {a} is {c} .",
  "from {a} we come to {c} by {o} {b} .",
  "{o} {b} on {a} leaves us with {c} .",
] as const;

/** The forms of a wording; the plain one is the first of the varied. */
export const formsOf = (wording: Wording): readonly string[] =>
  wording === "plain" ? stepForms.slice(0, 1) : stepForms;

export function sayStep(form: string, parts: Readonly<Record<"a" | "o" | "b" | "c", string>>): string {
  return form.replace(/\{([aobc])\}/g, (_, name: "a" | "o" | "b" | "c") => parts[name]);
}

/** The parts of a sentence that has one of the forms. */
export function hearStep(
  sentence: readonly string[],
): Readonly<Record<"a" | "o" | "b" | "c", string>> | undefined {
  for (const form of stepForms) {
    const pattern = form.split(" ");
    if (pattern.length !== sentence.length) continue;
    const parts = { a: "", o: "", b: "", c: "" };
    const fits = pattern.every((expected, place) => {
      const [, name] = /^\{([aobc])\}$/.exec(expected) ?? [];
      if (name === undefined) return expected === sentence[place];
      parts[name as keyof typeof parts] = sentence[place]!;
      return true;
    });
    if (fits) return parts;
  }
  return undefined;
}
