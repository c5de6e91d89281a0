// Rounds of T3D in which the best student becomes the reference: it is kept while its round goes on. (The latest student
// needs no keeping: the method copies it itself.)

import { clone, copy_, keep, noGrad, scope, type Tensor } from "@unmask/torch";
import { afterUpdate, firstRound, type RoundState, type Rounds } from "../distill/rounds.ts";
import type { Metrics } from "../train/loop.ts";

type Named = ReadonlyMap<string, Tensor>;

export class RoundKeeper {
  state: RoundState = firstRound;
  /** The best student of the present round so far. */
  readonly best: Named;
  private readonly student: Named;
  private readonly reference: Named;
  private readonly rounds: Rounds;

  constructor(rounds: Rounds, student: Named, reference: Named) {
    this.student = student;
    this.reference = reference;
    this.rounds = rounds;
    this.best = new Map(
      [...student].map(([name, one]) => [name, noGrad(() => scope(() => keep(clone(one))))]),
    );
  }

  after({ step, metrics }: { step: number; metrics: Metrics | undefined }): void {
    const next = afterUpdate(this.rounds, this.state, { updates: step, score: metrics?.accuracy });
    if (next.keep) write(this.best, this.student);
    if (next.refresh !== undefined) write(this.reference, next.refresh === "kept" ? this.best : this.student);
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
