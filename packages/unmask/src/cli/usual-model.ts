// The model of a verb that is given none: the bundled one, and a line on stderr says so.

export const usualModel = "tiny";

const notice = `No model is given: this is "${usualModel}", which comes along; it knows stories ("tell me a story .") and word problems.`;

/** What was given, or the bundled model. */
export function modelOrUsual(given: string | undefined): string {
  if (given !== undefined) return given;
  process.stderr.write(`${notice}\n`);
  return usualModel;
}
