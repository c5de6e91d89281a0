// Trajectories for the tiny networks: an answer with an end, one without, one with a longer order, one of a single token.

import type { DistillFacts } from "../../src/distill/trace-states.ts";
import type { TrajectoryExample } from "../../src/distill/trajectory-example.ts";
import { tiny } from "./tiny-networks.ts";

/** Of tinyNetwork("sdar"). */
export const tinyFacts: DistillFacts = {
  ...{ family: "sdar", vocabularySize: tiny.vocabularySize, maskId: tiny.maskId, padId: tiny.padId },
  ...{ endIds: [tiny.padId], shift: 0, blockLength: 3 },
};

/** Of tinyNetwork("dream"). */
export const tinyPlainFacts: DistillFacts = {
  ...tinyFacts,
  family: "dream",
  shift: 1,
  blockLength: undefined,
};

export const tinyTrajectories: readonly TrajectoryExample[] = [
  { sequence: 0, ids: [1, 2, 3, 4, 5, 6, 7, 0], promptLength: 3, steps: [1, 0, 3, 2, 4], tail: 2 },
  { sequence: 1, ids: [8, 9, 1, 3], promptLength: 2, steps: [0, 1], tail: 0 },
  {
    ...{ sequence: 2, ids: [4, 4, 2, 9, 7, 6, 5, 1, 2, 3], promptLength: 1, tail: 1 },
    steps: [0, 0, 2, 1, 5, 3, 4, 6, 6],
  },
  { sequence: 3, ids: [5, 0], promptLength: 1, steps: [0], tail: 3 },
];
