// What a quickstart is told.

export interface QuickstartOptions {
  /** A text to train on instead of the language. */
  readonly data?: string | undefined;
  readonly seed: number;
  readonly out: string;
  /** Train the teachers that come bundled, too. */
  readonly fromScratch: boolean;
  /** Print the results as one JSON object. */
  readonly json?: boolean | undefined;
}
