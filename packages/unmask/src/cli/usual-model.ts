// The model of a verb that is given none: the bundled one, and a line on stderr says so.

export const usualModel = "tiny";

/** What the bundled model is asked where nothing is: without a prompt it is surest of the end, and writes nothing. */
export const usualPrompt = "tell me a story .";

const notice = `No model is given: this is "${usualModel}", which comes along; it knows stories ("${usualPrompt}") and word problems.`;

/** What was given, or the bundled model. */
export function modelOrUsual(given: string | undefined): string {
  if (given !== undefined) return given;
  process.stderr.write(`${notice}\n`);
  return usualModel;
}
