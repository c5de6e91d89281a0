/**
 * Every failure of a tensor operation. The message names the operator, what was wrong in one sentence, and the
 * shapes and dtypes of the arguments; it never holds a C++ stack.
 */
export class TorchError extends Error {
  override readonly name = "TorchError";
  /** The operator, for example `aten::matmul`, or the function of this package that refused. */
  readonly operator: string;
  /** One description per argument, for example `float32[2, 3]`. */
  readonly arguments: readonly string[];

  constructor(operator: string, reason: string, descriptions: readonly string[] = []) {
    const given = descriptions.length > 0 ? ` (arguments: ${descriptions.join(", ")})` : "";
    super(`${operator}: ${reason}${given}`);
    this.operator = operator;
    this.arguments = descriptions;
  }
}

/** libtorch's messages carry stacks, notes and advice behind the first sentence; keep what says what is wrong. */
export function firstSentence(message: string): string {
  const line = message.split(/\nException raised from|\nDebug|\n\n/)[0] ?? message;
  const flat = line.replace(/\s+/g, " ").trim();
  return flat.length > 400 ? `${flat.slice(0, 400)} …` : flat;
}

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
