import { describe, expect, it } from "vitest";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import { tinyNetwork } from "../../test/oracle/tiny-networks.ts";
import { tinyFacts, tinyPlainFacts, tinyTrajectories } from "../../test/oracle/tiny-trajectories.ts";
import { ConfigError } from "../base/errors.ts";
import type { Mdlm } from "../models/mdlm.ts";
import type { Answer } from "../train/masked-batch.ts";
import { distillerContract, disturbed } from "./contract.ts";
import { startFromTeacher } from "./didi/networks.ts";
import { distillerName, distillers } from "./distillers.ts";
import type { TrajectoryExample } from "./trajectory-example.ts";

/** One token each: too few to hide a share of. */
const short: TrajectoryExample[] = [
  { sequence: 7, ids: [1, 2, 3], promptLength: 2, steps: [0], tail: 0 },
  { sequence: 8, ids: [4, 0], promptLength: 1, steps: [0], tail: 1 },
];
/** Nothing but what was given. */
const given: TrajectoryExample[] = [
  { sequence: 9, ids: [1, 2, 3, 4], promptLength: 2, steps: [-1, -1], tail: 0 },
];
const rows: Answer[] = [
  { ids: [1, 2, 3, 4, 5, 6], promptLength: 0 },
  { ids: [7, 8, 9, 1, 2, 3], promptLength: 1 },
  { ids: [5, 5, 5, 2, 2, 2], promptLength: 2 },
  { ids: [9, 8, 7, 6, 5, 4], promptLength: 0 },
];
const mdlmFacts = { ...tinyPlainFacts, family: "mdlm", shift: 0 } as const;

const student = (family: "sdar" | "dream" | "mdlm") => () => {
  const network = tinyNetwork(family);
  return { networks: { student: network }, trained: new Map([["student", network.parameters]]) };
};
const withOther =
  <Role extends string>(family: "sdar" | "dream" | "mdlm", role: Role) =>
  () => {
    const { networks, trained } = student(family)();
    const other = disturbed(tinyNetwork(family), mulberry32(23));
    return {
      networks: { ...networks, [role]: other } as { student: typeof other } & Record<Role, typeof other>,
      trained,
    };
  };

for (const fidelity of ["corrected", "released", "paper"] as const) {
  const options = { fidelity, blockSize: 4, maskRatios: [0.5, 0.25], beta: 0.5, referenceTemp: 0.7 };
  distillerContract({
    name: `t3d, ${fidelity}`,
    method: () => distillers.t3d.create(tinyFacts, options),
    make: withOther("sdar", "reference"),
    examples: tinyTrajectories,
    isFrozen: fidelity === "released",
    empty: { examples: fidelity === "released" ? short.slice(0, 1) : short, count: "empty" },
  });
}
distillerContract({
  name: "t3d where all see all",
  method: () => distillers.t3d.create(tinyPlainFacts, { maskRatios: [0.6], referenceTemp: 1 }),
  make: withOther("dream", "reference"),
  examples: tinyTrajectories,
  empty: { examples: short, count: "empty" },
});
distillerContract({
  name: "trajectory, with path loss and random tokens",
  method: () =>
    distillers.trajectory.create(tinyFacts, {
      blockSize: 4,
      lambdaPath: 0.2,
      randomRatio: 0.1,
      maskRatios: [0.75, 0.5],
    }),
  make: student("sdar"),
  examples: tinyTrajectories,
  empty: { examples: short, count: "empty" },
});
distillerContract({
  name: "sft on blocks",
  method: () => distillers.sft.create(tinyFacts, {}),
  make: student("sdar"),
  examples: tinyTrajectories,
});
distillerContract({
  name: "sft where all see all",
  method: () => distillers.sft.create(tinyPlainFacts, { lossWeight: "uniform" }),
  make: student("dream"),
  examples: tinyTrajectories,
});
distillerContract({
  name: "d3llm",
  method: () =>
    distillers.d3llm.create(tinyPlainFacts, { minMaskRatio: 0.4, maxLength: 16, answerLength: 10 }),
  make: student("dream"),
  examples: tinyTrajectories,
});
distillerContract({
  name: "dparallel",
  method: () => distillers.dparallel.create(tinyPlainFacts, { maxLength: 16, answerLength: 10 }),
  make: student("dream"),
  examples: tinyTrajectories,
});
distillerContract({
  name: "didi",
  method: () => distillers.didi.create(mdlmFacts, { numSamplesPerPrompt: 2 }),
  make: () => {
    const teacher = tinyNetwork("mdlm") as Mdlm;
    const start = startFromTeacher(teacher, { seed: 1, discriminatorUnfreezeBlocks: 1 });
    const { student: own, critic, trained } = start;
    return {
      networks: { student: own, teacher: disturbed(teacher, mulberry32(4)), critic },
      trained: new Map([
        ["student", trained.student],
        ["critic", trained.critic],
      ]),
    };
  },
  examples: rows,
});
distillerContract({
  name: "sdtt",
  method: () =>
    distillers.sdtt.create(tinyPlainFacts, { batch: "answers", padding: "first", origNumSamplingSteps: 4 }),
  make: withOther("dream", "teacher"),
  examples: tinyTrajectories,
});
distillerContract({
  name: "duo",
  method: () => distillers.duo.create(mdlmFacts, { steps: 4, gammaMin: -2, gammaMax: 2 }),
  make: withOther("mdlm", "teacher"),
  examples: rows,
});

describe("the table of distillers", () => {
  it("is found by names and aliases, and says the nearest", () => {
    expect(distillerName("t3d")).toBe("t3d");
    expect(distillerName("redi")).toBe("sft");
    expect(() => distillerName("t4d")).toThrow(ConfigError);
    expect(() => distillerName("t4d")).toThrow(/did you mean t3d/);
  });

  it("refuses models that do not suit, in one sentence, and takes those that do", () => {
    const facts = { sdar: tinyFacts, dream: tinyPlainFacts, mdlm: mdlmFacts };
    const judge = { ...tinyPlainFacts, family: "gpt2", shift: 0, maskId: undefined } as const;
    const suits = Object.fromEntries(
      Object.entries(distillers).map(([name, { refuses }]) => [
        name,
        Object.entries(facts)
          .filter(([, one]) => refuses(one) === undefined)
          .map(([family]) => family),
      ]),
    );
    const [all, full] = [
      ["sdar", "dream", "mdlm"],
      ["dream", "mdlm"],
    ];
    expect(suits).toEqual({
      ...{ t3d: all, trajectory: all, sft: all, d3llm: full, dparallel: full, sdtt: full },
      ...{ didi: ["mdlm"], duo: ["mdlm"] },
    });
    for (const [name, { refuses }] of Object.entries(distillers)) {
      if (name !== "duo") expect(refuses(judge)).toMatch(/gpt2/);
    }
  });

  it("learns nothing from answers that were given", () => {
    const method = distillers.t3d.create(tinyFacts, {});
    const place = { seed: 1, step: 0, examples: [1], first: 0, count: 1, progress: 0 };
    expect(method.counts(method.prepare(given, place))).toMatchObject({ answers: 0, empty: 1 });
    const sft = distillers.sft.create(tinyFacts, { padding: "none" });
    expect(sft.prepare(given, place).reads).toHaveLength(0);
  });
});
