import {
  abs,
  createGenerator,
  item,
  liveTensors,
  max,
  narrow,
  rand,
  reshape,
  scope,
  sub,
  type Tensor,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { checkGradients } from "../../../torch/test/gradient-check.ts";
import { initialiseMdlm } from "./initialise.ts";
import { Mdlm, type MdlmConfig, mdlmParameterShapes } from "./mdlm.ts";

const tiny: MdlmConfig = {
  vocabularySize: 7,
  hiddenSize: 8,
  conditionSize: 4,
  blocks: 2,
  heads: 2,
  length: 5,
};

/** Every parameter random, so that no gate or output is zero. */
function randomParameters(config: MdlmConfig, dtype: "float32" | "float64" = "float32"): Map<string, Tensor> {
  const generator = createGenerator(3);
  return new Map(
    [...mdlmParameterShapes(config)].map(([name, shape]) => [
      name,
      sub(rand(shape, { generator, dtype }), 0.5),
    ]),
  );
}

const ids = (rows: number[][]): Tensor => tensor(rows, undefined, { dtype: "int64" });
const largestDifference = (a: Tensor, b: Tensor): number => item(max(abs(sub(a, b))));
const batch = ids([
  [0, 1, 2, 3, 4],
  [6, 6, 5, 6, 0],
  [2, 2, 6, 1, 6],
]);

describe("MDLM network", () => {
  it("has the published numbers of parameters", () => {
    const count = (hiddenSize: number, blocks: number, heads: number): number => {
      const config = { vocabularySize: 50_258, hiddenSize, conditionSize: 128, blocks, heads, length: 1024 };
      return [...mdlmParameterShapes(config).values()].reduce(
        (n, shape) => n + shape.reduce((a, b) => a * b, 1),
        0,
      );
    };
    expect(count(768, 12, 12)).toBe(169_627_218);
    expect(count(1024, 24, 16)).toBe(424_477_010);
    expect(count(1280, 36, 20)).toBe(872_868_946);
  });

  it("gives the same logits folded (no sigma) and in the general form at sigma 0", () => {
    const network = new Mdlm(tiny, randomParameters(tiny));
    const folded = network.logits(batch);
    const general = network.logits(batch, undefined, { sigma_B: tensor([0, 0, 0]) });
    expect(largestDifference(folded, general)).toBeLessThan(2e-6);
    const other = network.logits(batch, undefined, { sigma_B: tensor([0, 1, 0]) });
    expect(largestDifference(folded, other)).toBeGreaterThan(1e-3);
  });

  it("gives the picked rows of the full logits, with and without sigma", () => {
    const network = new Mdlm(tiny, randomParameters(tiny));
    const positions = tensor([0, 7, 14, 3], undefined, { dtype: "int64" });
    for (const sigma_B of [undefined, tensor([0.5, 1, 2])]) {
      const all = reshape(network.logits(batch, undefined, { sigma_B }), [15, 7]);
      const picked = toNumbers(network.logits(batch, positions, { sigma_B }));
      const expected = [0, 7, 14, 3].flatMap((row) => toNumbers(narrow(all, 0, row, 1)));
      for (const [i, value] of picked.entries()) expect(value).toBeCloseTo(expected[i]!, 5);
    }
  });

  it("does not mix rows of a batch", () => {
    const network = new Mdlm(tiny, randomParameters(tiny));
    const together = network.logits(batch);
    for (let row = 0; row < 3; row++) {
      const alone = network.logits(narrow(batch, 0, row, 1));
      expect(largestDifference(narrow(together, 0, row, 1), alone)).toBeLessThan(1e-6);
    }
  });

  it("sees both directions: each logit depends on every position", () => {
    const network = new Mdlm(tiny, randomParameters(tiny));
    const before = network.logits(ids([[0, 1, 2, 3, 4]]));
    for (const changed of [0, 4]) {
      const row = [0, 1, 2, 3, 4];
      row[changed] = 5;
      const after = network.logits(ids([row]));
      for (let position = 0; position < 5; position++) {
        const difference = largestDifference(narrow(before, 1, position, 1), narrow(after, 1, position, 1));
        expect(difference).toBeGreaterThan(1e-5);
      }
    }
  });

  it("starts at uniform predictions and identity blocks", () => {
    const parameters = initialiseMdlm(tiny, 1);
    const network = new Mdlm(tiny, parameters);
    expect(toNumbers(network.logits(batch)).every((logit) => logit === 0)).toBe(true);
    const embedded = toNumbers(network.hidden(ids([[3, 3]])));
    expect(embedded.slice(0, 8)).toEqual(
      toNumbers(narrow(parameters.get("vocab_embed.embedding")!, 0, 3, 1)),
    );
  });

  it("initialises alike for one seed and differently for another", () => {
    const flat = (seed: number) => [...initialiseMdlm(tiny, seed).values()].flatMap(toNumbers);
    expect(flat(1)).toEqual(flat(1));
    expect(flat(1)).not.toEqual(flat(2));
  });

  it("has gradients that agree with finite differences in float64, for a whole network and every parameter", () => {
    const config = { ...tiny, vocabularySize: 4, hiddenSize: 4, conditionSize: 2, blocks: 1, length: 3 };
    const parameters = randomParameters(config, "float64");
    const names = [...parameters.keys()];
    const run = (sigma_B: Tensor | undefined) => {
      return (...values: Tensor[]) => {
        const network = new Mdlm(config, new Map(names.map((name, i) => [name, values[i]!])));
        return network.logits(ids([[0, 3, 1]]), undefined, { sigma_B });
      };
    };
    const inputs = [...parameters.values()];
    checkGradients(run(undefined), inputs, { tolerance: 1e-6 });
    checkGradients(run(tensor([0.7], undefined, { dtype: "float64" })), inputs, { tolerance: 1e-6 });
  }, 120_000);

  it("computes in bfloat16 products close to float32", () => {
    const network = new Mdlm(tiny, randomParameters(tiny));
    const exact = network.logits(batch);
    const mixed = network.logits(batch, undefined, { products: "bfloat16" });
    expect(mixed.dtype).toBe("float32");
    const difference = largestDifference(exact, mixed);
    expect(difference).toBeGreaterThan(0);
    expect(difference).toBeLessThan(0.05);
  });

  it("leaks no tensors", () => {
    const network = new Mdlm(tiny, randomParameters(tiny));
    scope(() => void network.logits(batch)); // makes the rotary tables
    const before = liveTensors().count;
    for (let i = 0; i < 3; i++) scope(() => void network.logits(batch));
    expect(liveTensors().count).toBe(before);
  });
});
