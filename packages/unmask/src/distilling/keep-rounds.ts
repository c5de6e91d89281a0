// Rounds of T3D in which the best student becomes the reference: it is kept while its round goes on. (The latest student
// needs no keeping: the method copies it itself.)

import { clone, copy_, keep, noGrad, scope, type Tensor } from "@unmask/torch";
import { afterUpdate, firstRound, type RoundState, type Rounds } from "../distill/rounds.ts";

type Named = ReadonlyMap<string, Tensor>;

export class RoundKeeper {
  state: RoundState = firstRound;
  /** The best student of the present round so far. */
  readonly best: Named;
  private readonly scored: () => Named;
  private readonly reference: Named;
  private readonly rounds: Rounds;

  /** `scored` gives the weights that are scored: the student's average, if it has one. */
  constructor(rounds: Rounds, scored: () => Named, reference: Named) {
    this.scored = scored;
    this.reference = reference;
    this.rounds = rounds;
    this.best = new Map(
      [...scored()].map(([name, one]) => [name, noGrad(() => scope(() => keep(clone(one))))]),
    );
  }

  after({ step, accuracy }: { step: number; accuracy: number | undefined }): void {
    const next = afterUpdate(this.rounds, this.state, { updates: step, score: accuracy });
    if (next.keep) write(this.best, this.scored());
    if (next.refresh !== undefined)
      write(this.reference, next.refresh === "kept" ? this.best : this.scored());
    this.state = next.state;
  }

  dispose(): void {
    for (const one of this.best.values()) one.dispose();
  }
}

function write(targets: Named, values: Named): void {
  noGrad(() =>
    scope(() => {
      for (const [name, target] of targets) copy_(target, clone(values.get(name)!));
    }),
  );
}
