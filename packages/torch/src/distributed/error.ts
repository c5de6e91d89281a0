/**
 * A failure of a job of several processes: a setting that is missing or contradicts another rank's, a rank that died
 * or fell behind, a port in use. The message is one sentence and names the rank where one is to blame.
 */
export class DistributedError extends Error {
  override readonly name = "DistributedError";
  /** The rank to blame, if it is known. */
  readonly rank: number | undefined;
  /** Whether the job was started wrongly, rather than failed while running. */
  readonly wrongUse: boolean;

  constructor(message: string, options: { rank?: number | undefined; wrongUse?: boolean | undefined } = {}) {
    super(message);
    this.rank = options.rank;
    this.wrongUse = options.wrongUse ?? false;
  }
}
