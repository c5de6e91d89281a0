// The networks at the beginning of a run, in the only right order: the teacher's weights are there, then copied. (The
// published code copies a random network into teacher, critic and average, and loads the teacher's file afterwards.)
//
//   student   a copy of the teacher; so is its average, which the loop makes of it
//   critic    a copy of the teacher below its head, and a fresh head; the last blocks and the head train
//
// The critic is told the noise level, which the teacher never was: its time path trains too. (Published: it stays frozen.)
// Its head's spectral norms are iterated first: of random vectors they are far too small, and the first logits in the
// thousands.

import { clone, keep, noGrad, scope, setRequiresGrad, type Tensor } from "@unmask/torch";
import { UnsupportedError } from "../../base/errors.ts";
import { Discriminator, heads, isSpectralState } from "../../models/discriminator.ts";
import { initialiseDiscriminator } from "../../models/initialise.ts";
import { Mdlm, type MdlmConfig } from "../../models/mdlm.ts";
import type { DidiFidelity } from "./options.ts";

export interface CriticOptions {
  readonly seed: number;
  /** "corrected" by default. */
  readonly fidelity?: DidiFidelity | undefined;
  /** Blocks from the last that train; 4 by default, all if there are fewer. */
  readonly discriminatorUnfreezeBlocks?: number | undefined;
  /** The time path trains; by default unless released. */
  readonly discriminatorTimePath?: boolean | undefined;
}

export interface DidiStart {
  readonly student: Mdlm;
  readonly critic: Discriminator;
  /** What is trained of each, by name. */
  readonly trained: {
    readonly student: ReadonlyMap<string, Tensor>;
    readonly critic: ReadonlyMap<string, Tensor>;
  };
  /** u and v of the critic's spectral norm: state of the run that no optimiser knows. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** Frees student and critic. */
  dispose(): void;
}

/** Student and critic of a loaded teacher, which stays as it is. Throws an UnsupportedError if it is folded. */
export function startFromTeacher(teacher: Mdlm, options: CriticOptions): DidiStart {
  if (teacher.trunk.isFolded) {
    throw new UnsupportedError(
      "DiDi-Instruct needs a teacher whose conditioning is not folded away; load it without fold",
    );
  }
  const { config } = teacher;
  const parameters = copies(teacher.parameters);
  for (const one of parameters.values()) setRequiresGrad(one, true);
  const critic = freshCritic(config, teacher.parameters, options);
  const { discriminatorUnfreezeBlocks: blocks = 4, fidelity } = options;
  const { discriminatorTimePath: timePath = fidelity !== "released" } = options;
  return {
    student: new Mdlm(config, parameters),
    critic,
    trained: { student: parameters, critic: critic.unfreeze({ blocks, timePath }) },
    state: new Map([...critic.parameters].filter(([name]) => isSpectralState(name))),
    dispose() {
      for (const one of [...parameters.values(), ...critic.parameters.values()]) one.dispose();
    },
  };
}

/** As many power iterations as PyTorch begins its newer spectral norm with. */
const firstIterations = 15;

/** A teacher's weights under a new head; nothing of it trains yet. */
export function freshCritic(
  config: MdlmConfig,
  teacher: ReadonlyMap<string, Tensor>,
  { seed, fidelity }: Pick<CriticOptions, "seed" | "fidelity">,
): Discriminator {
  const critic = new Discriminator(config, initialiseDiscriminator(config, teacher, seed));
  for (let i = 0; i < (fidelity === "released" ? 0 : firstIterations); i++) {
    for (const head of heads) scope(() => noGrad(() => void critic.headWeight(head, true)));
  }
  return critic;
}

const copies = (parameters: ReadonlyMap<string, Tensor>): Map<string, Tensor> =>
  new Map([...parameters].map(([name, one]) => [name, keep(noGrad(() => scope(() => clone(one))))]));
