/** What there is of the engine and what it lacks. */
export interface Survey {
  /** File of the addon. */
  readonly addon: string | null;
  readonly libtorch: { readonly version: string; readonly prefix: string } | null;
  /** What was looked at and cannot be used, with the reason. */
  readonly rejected: readonly string[];
  /** By the names of Debian's packages. */
  readonly missing: readonly string[];
  /** What to do. */
  readonly next: string;
}

/** Finds or fetches libtorch and builds the addon. Returns the exit code. */
export declare function setUp(args: readonly string[]): Promise<number>;

/** Loads and installs nothing. */
export declare function survey(): Survey;
