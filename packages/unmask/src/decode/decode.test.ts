import { describe, expect, it } from "vitest";
import { logLinear } from "../diffusion/schedule.ts";
import { type Canvas, countOpen, isFinished, newCanvas, openColumns } from "./canvas.ts";
import { closeFilled, commit, fill, idsAfter } from "./commit.ts";
import { DecodeLoop, type DecodeOptions, decode, type SequenceStep } from "./decode.ts";
import { ancestral } from "./policies/ancestral.ts";
import type { Decision, Fill, Judge, Plan, Policy, Proposer, SequenceDecoder } from "./policies/policy.ts";
import { scriptedProposal, scriptedProposer } from "./scripted.ts";

const maskId = 99;
const canvasOf = (length: number, prompt: number[] = [], sequence = 0): Canvas =>
  newCanvas({ length, noiseId: maskId, sequence, prompt });
const canvasesOf = (rows: number, length: number, prompt: number[] = []): Canvas[] =>
  Array.from({ length: rows }, (_, sequence) => canvasOf(length, prompt, sequence));
/** Token = 10 · sequence + column. */
const labels = scriptedProposer((sequence, column) => ({ token: 10 * sequence + column }));

const planOf = (canvas: Canvas, more: Partial<Plan> = {}): Plan => ({
  from: 0,
  to: canvas.length,
  candidates: openColumns(canvas),
  ...more,
});

/** A policy that is one function of the canvas, and goes on until nothing is open. */
function simple(decide: (canvas: Canvas) => Decision, more: Partial<SequenceDecoder> = {}): Policy {
  return {
    name: "simple",
    limit: (canvas) => canvas.length,
    start: (canvas) => ({
      plan: () => (isFinished(canvas) ? undefined : planOf(canvas)),
      decide: () => decide(canvas),
      ...more,
    }),
  };
}
/** Commits the first open column. */
const first = simple(() => ({ commit: [0] }));

/** The labels, and which sequences were let go of. */
function watched(): Proposer & { finished: number[] } {
  const finished: number[] = [];
  return { ...labels, finished, finish: (canvas) => finished.push(canvas.sequence) };
}

async function run(
  canvases: readonly Canvas[],
  policy: Policy | readonly Policy[],
  { proposer = labels, ...options }: DecodeOptions & { proposer?: Proposer } = {},
): Promise<SequenceStep[][]> {
  const steps: SequenceStep[][] = [];
  for await (const step of decode(canvases, proposer, policy, options)) steps.push(step);
  return steps;
}

describe("the canvas", () => {
  it("opens everything but the given tokens; a given mask is no open column", () => {
    const given = new Map([[4, 8]]);
    const canvas = newCanvas({ length: 6, noiseId: maskId, prompt: [7, maskId], given });
    expect([...canvas.ids]).toEqual([7, maskId, maskId, maskId, 8, maskId]);
    expect([...canvas.open]).toEqual([0, 0, 1, 1, 0, 1]);
    expect([...canvas.given]).toEqual([1, 1, 0, 0, 1, 0]);
    expect([...openColumns(canvas)]).toEqual([2, 3, 5]);
    expect([...openColumns(canvas, 3, 5)]).toEqual([3]);
    expect([...openColumns(canvas, 5, 3)]).toEqual([]);
    expect(countOpen(canvas, 1, 4)).toBe(2);
    expect(isFinished(canvas)).toBe(false);
  });

  it("is finished from the start when everything is given", async () => {
    const canvas = canvasOf(3, [1, 2, 3]);
    expect(isFinished(canvas)).toBe(true);
    expect(await run([canvas], first)).toEqual([]);
    expect(canvas.forwards).toBe(0);
    expect(isFinished(canvasOf(0))).toBe(true);
  });

  it("refuses given tokens that do not fit", () => {
    expect(() => canvasOf(2, [1, 2, 3])).toThrow(/outside a canvas of 2/);
    for (const column of [-1, 2]) {
      const given = new Map([[column, 1]]);
      expect(() => newCanvas({ length: 2, noiseId: 0, given })).toThrow(/outside a canvas/);
    }
  });
});

describe("commit", () => {
  const proposal = (columns: number[], tokens: number[]) =>
    scriptedProposal(
      columns,
      tokens.map((token) => ({ token })),
    );

  it("writes the tokens, or those of the decision, and closes their columns", () => {
    const canvas = canvasOf(4, [5]);
    canvas.forwards = 4;
    const decision = { commit: [0, 2], tokens: new Map([[2, 77]]) };
    const drawn = proposal([1, 2, 3], [11, 12, 13]);
    expect([...idsAfter(canvas, drawn, decision)]).toEqual([5, 11, maskId, 77]);
    expect([...canvas.ids]).toEqual([5, maskId, maskId, maskId]);
    commit(canvas, drawn, decision);
    expect([...canvas.ids]).toEqual([5, 11, maskId, 77]);
    expect([...canvas.open]).toEqual([0, 0, 1, 0]);
    expect([...canvas.revealStep]).toEqual([-1, 3, -1, 3]);
  });

  it.each([
    ["a given column", [0], [0]],
    ["a column outside the canvas", [6], [0]],
    ["a proposal that does not exist", [1], [1]],
    ["the same column twice", [1, 1], [0, 1]],
  ])("refuses %s", (_, columns, indices) => {
    const canvas = canvasOf(3, [5]);
    expect(() => commit(canvas, proposal(columns, [8, 8]), { commit: indices })).toThrow(/is not open/);
    expect(canvas.ids[0]).toBe(5);
  });

  it("fills open and committed columns, never given ones, and may keep them open for one decision", () => {
    const canvas = canvasOf(5, [5]);
    commit(canvas, proposal([1], [11]), { commit: [0] });
    const columns = [0, 1, 2];
    fill(canvas, { columns, token: 3, keepOpen: true });
    expect([...canvas.ids]).toEqual([5, 3, 3, maskId, maskId]);
    expect([...canvas.open]).toEqual([0, 0, 1, 1, 1]);
    closeFilled(canvas, { columns, token: 3 });
    fill(canvas, { columns: [4], token: 3 });
    expect([...canvas.open]).toEqual([0, 0, 0, 1, 0]);
    expect([...canvas.revealStep]).toEqual([-1, -1, -1, -1, -1]);
    for (const column of [-1, 5]) {
      expect(() => fill(canvas, { columns: [column], token: 3 })).toThrow(/outside the canvas/);
    }
  });
});

describe("the decoding loop", () => {
  it("writes what is proposed, records the step, and never changes what was given", async () => {
    const canvases = canvasesOf(2, 4, [7]);
    const steps = await run(canvases, first);
    expect(steps.map((step) => step.map(({ row, forward }) => [row, forward]))).toEqual(
      [0, 1, 2].map((forward) => [0, 1].map((row) => [row, forward])),
    );
    expect([...canvases[0]!.ids]).toEqual([7, 1, 2, 3]);
    expect([...canvases[1]!.ids]).toEqual([7, 11, 12, 13]);
    for (const { revealStep, forwards } of canvases) {
      expect([...revealStep]).toEqual([-1, 0, 1, 2]);
      expect(forwards).toBe(3);
    }
  });

  it("lets a sequence go when it is done, and takes each under its own policy", async () => {
    const proposer = watched();
    const canvases = [canvasOf(2, [], 0), canvasOf(4, [], 1)];
    const twice = simple((canvas) => ({ commit: countOpen(canvas) > 1 ? [0, 1] : [0] }));
    const steps = await run(canvases, [first, twice], { proposer });
    expect(steps.map((step) => step.map(({ row }) => row))).toEqual([
      [0, 1],
      [0, 1],
    ]);
    expect(proposer.finished).toEqual([0, 1]);
    await expect(run(canvases, [first])).rejects.toThrow(/canvas 1 has no policy/);
  });

  it("frees every sequence where the iteration is left, where it fails, and where a sequence has enough", async () => {
    const left = watched();
    const canvas = canvasOf(4);
    for await (const _ of decode([canvas], left, first)) break;
    expect([...canvas.ids]).toEqual([0, maskId, maskId, maskId]);
    expect(left.finished).toEqual([0]);

    const failing = watched();
    failing.propose = () => Promise.reject(new Error("no network"));
    await expect(run(canvasesOf(2, 2), first, { proposer: failing })).rejects.toThrow("no network");
    expect(failing.finished).toEqual([0, 1]);

    const enough = watched();
    const canvases = canvasesOf(2, 3);
    await run(canvases, first, { proposer: enough, isDone: (row) => row === 0 && !canvases[0]!.open[1] });
    expect(canvases.map((one) => countOpen(one))).toEqual([1, 0]);
    expect(enough.finished).toEqual([0, 1]);
  });

  it("fails when a policy asks for what is not open, and the given tokens survive", async () => {
    const canvas = canvasOf(3, [7]);
    await expect(
      run(
        [canvas],
        simple(() => ({ commit: [5] })),
      ),
    ).rejects.toThrow(/is not open/);
    expect([...canvas.ids]).toEqual([7, maskId, maskId]);
  });

  it("waits for a proposer that takes its time", async () => {
    const canvas = canvasOf(2);
    const slow: Proposer = { propose: async (requests) => labels.propose(requests) };
    await run([canvas], first, { proposer: slow });
    expect(isFinished(canvas)).toBe(true);
  });

  it("stops a policy that never ends at its limit, forwards or not", async () => {
    const never: Policy = {
      ...simple(() => ({ commit: [] })),
      name: "never",
      limit: () => 5,
    };
    const canvas = canvasOf(3);
    await expect(run([canvas], never)).rejects.toThrow("decoding with never did not end after 5 steps");
    expect(canvas.forwards).toBe(5);
    const standing: Proposer = {
      propose: (requests) => requests.map(({ plan }) => scriptedProposal(plan.candidates, [])),
    };
    await expect(run([canvasOf(3)], never, { proposer: standing })).rejects.toThrow(/did not end/);
    const exactly: Policy = { ...first, limit: (one) => one.length };
    expect(await run([canvasOf(3)], exactly)).toHaveLength(3);
  });

  it("fills before the forward, closes after the decision, and writes an ending", async () => {
    const canvas = canvasOf(4);
    const plans: Plan[] = [];
    const filling: Fill = { columns: [2, 3], token: 1, keepOpen: true };
    const policy: Policy = {
      name: "filling",
      limit: () => 1,
      start: () => ({
        plan() {
          if (plans.length > 0) return undefined;
          plans.push({ ...planOf(canvas), fill: filling });
          return plans[0];
        },
        decide: () => ({ commit: [2] }),
        ending: () => ({ columns: [1], token: 6 }),
      }),
    };
    await run([canvas], policy);
    expect([...canvas.ids]).toEqual([maskId, 6, 2, 1]);
    expect([...canvas.open]).toEqual([1, 0, 0, 0]);
    expect([...canvas.revealStep]).toEqual([-1, -1, 0, -1]);
  });
});

describe("alternatives", () => {
  const [one, two] = [{ commit: [0] }, { commit: [0], tokens: new Map([[0, 50]]) }];
  const choice = simple(() => ({ commit: [], alternatives: [one, two] }));

  it("are chosen by the judge, and the chosen decision is recorded", async () => {
    const asked: number[][] = [];
    const judge: Judge = async (questions) => {
      asked.push(questions.map(({ canvas }) => canvas.sequence));
      return questions.map(({ canvas }) => (canvas.sequence === 0 ? 1 : 0));
    };
    const canvases = canvasesOf(3, 1);
    const [step] = await run(canvases, [choice, choice, first], { judge });
    expect(asked).toEqual([[0, 1]]);
    expect(step!.map(({ decision }) => decision)).toEqual([two, one, one]);
    expect(canvases.map(({ ids }) => ids[0])).toEqual([50, 10, 20]);
  });

  it("need a judge that names one of them", async () => {
    await expect(run([canvasOf(1)], choice)).rejects.toThrow(/has no judge/);
    await expect(run([canvasOf(1)], choice, { judge: () => [2] })).rejects.toThrow(/alternative 2/);
  });
});

describe("ancestral sampling through the loop", () => {
  it.each([1, 2, 7, 1000])("fills every canvas within %i steps and keeps the given tokens", async (steps) => {
    for (const seed of [0, 1]) {
      const canvases = canvasesOf(5, 12, [42, maskId]);
      const done = await run(canvases, ancestral({ steps, seed, schedule: logLinear() }));
      expect(done.length).toBeLessThanOrEqual(steps);
      for (const canvas of canvases) {
        const written = Array.from({ length: 10 }, (_, i) => 10 * canvas.sequence + i + 2);
        expect([...canvas.ids]).toEqual([42, maskId, ...written]);
        expect(canvas.forwards).toBeLessThanOrEqual(steps);
      }
      if (steps === 1) expect(done).toHaveLength(1);
    }
  });
});

describe("DecodeLoop", () => {
  const until = async (loop: DecodeLoop, steps: number) => {
    for (let i = 0; i < steps; i++) {
      loop.plan();
      await loop.step();
    }
  };

  it("takes sequences in between forwards: each is written as it would be alone", async () => {
    const loop = new DecodeLoop(labels);
    const [early, late] = [canvasOf(3, [], 0), canvasOf(2, [], 1)];
    loop.add(early, first);
    await until(loop, 2);
    loop.add(late, first);
    await until(loop, 3);
    expect(loop.plan()).toEqual([]);
    expect(loop.size).toBe(0);
    expect([...early.ids]).toEqual([0, 1, 2]);
    expect([...late.ids]).toEqual([10, 11]);
    expect([early.forwards, late.forwards]).toEqual([3, 2]);
  });

  it("tells who is done before the next forward, and lets go of them once", async () => {
    const proposer = watched();
    const loop = new DecodeLoop(proposer);
    const short = loop.add(canvasOf(1, [], 4), first);
    loop.add(canvasOf(2, [], 5), first);
    expect(loop.plan()).toEqual([]);
    await loop.step();
    expect(loop.plan()).toEqual([{ row: short }]);
    expect(proposer.finished).toEqual([4]);
    loop.remove(short);
    loop.clear();
    expect(proposer.finished).toEqual([4, 5]);
  });

  it("removes a sequence in every state: before its first forward, planned, and while a forward runs", async () => {
    const proposer = watched();
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const propose: Proposer["propose"] = async (requests) => {
      await gate;
      return proposer.propose(requests);
    };
    const loop = new DecodeLoop({ ...proposer, propose });
    const canvases = canvasesOf(4, 2);
    const [waiting, planned, running, staying] = canvases.map((canvas) => loop.add(canvas, first));
    loop.remove(waiting!);
    loop.plan();
    loop.remove(planned!);
    const step = loop.step();
    loop.remove(running!);
    open();
    const { steps } = await step;
    expect(steps.map(({ row }) => row)).toEqual([staying]);
    expect(proposer.finished).toEqual([0, 1, 2]);
    expect(canvases.map((canvas) => countOpen(canvas))).toEqual([2, 2, 2, 1]);
  });

  it("lets one sequence fail without the others", async () => {
    const broken = simple(() => {
      throw new Error("cannot decide");
    });
    const proposer = watched();
    const loop = new DecodeLoop(proposer);
    const bad = loop.add(canvasOf(2, [], 7), broken);
    const good = loop.add(canvasOf(2, [], 8), first);
    loop.plan();
    const { steps, failed } = await loop.step();
    expect(steps.map(({ row }) => row)).toEqual([good]);
    expect(failed).toMatchObject([{ row: bad, error: { message: "cannot decide" } }]);
    const endless = loop.add(canvasOf(2, [], 9), { ...first, limit: () => 0 });
    expect(loop.plan()).toMatchObject([{ row: endless, error: { message: /did not end after 0 steps/ } }]);
    expect(proposer.finished).toEqual([7, 9]);
  });
});
