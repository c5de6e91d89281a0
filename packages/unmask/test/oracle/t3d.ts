// T3D's loss in plain float64 numbers, by the loops of its definition: one answer, one forward's logits.

export interface T3dAnswer {
  /** Logits of every column of the response, of student and reference. */
  readonly student: readonly (readonly number[])[];
  readonly reference: readonly (readonly number[])[];
  readonly tokens: readonly number[];
  readonly fakes: readonly number[];
  readonly supervised: readonly number[];
  /** Sets A_s of columns; empty ones are left out by the loss. */
  readonly levels: readonly (readonly number[])[];
}

export interface T3dConstants {
  readonly alpha: number;
  readonly beta: number;
  readonly lambda: number;
  readonly sums?: boolean | undefined;
  /** Weights of the paper instead of levels. */
  readonly linear?: readonly number[] | undefined;
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

function logp(logits: readonly number[], token: number): number {
  const largest = Math.max(...logits);
  return logits[token]! - largest - Math.log(logits.reduce((sum, z) => sum + Math.exp(z - largest), 0));
}

export function t3dLoss(answer: T3dAnswer, { alpha, beta, lambda, sums, linear }: T3dConstants) {
  const { student, reference, tokens, fakes, supervised, levels } = answer;
  const score = (logits: readonly (readonly number[])[], y: readonly number[]) => {
    const all = supervised.map((i) => logp(logits[i]!, y[i]!));
    return sums === true ? all.reduce((a, b) => a + b, 0) : mean(all);
  };
  const real = score(student, tokens) - score(reference, tokens);
  const fake = score(student, fakes) - score(reference, fakes);
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const ddo = -Math.log(sigmoid(beta * real)) - alpha * Math.log(1 - sigmoid(beta * fake));
  const entropy = (i: number) => -logp(student[i]!, tokens[i]!);
  const path =
    linear === undefined
      ? mean(levels.filter((level) => level.length > 0).map((level) => mean(level.map(entropy))))
      : linear.reduce((total, weight, i) => total + weight * entropy(i), 0);
  return { ddo, path, total: ddo + lambda * path, real, fake };
}
