// @ts-check

/** The command line was wrong: one sentence, exit code 2. */
export class UsageError extends Error {}
