import {
  add,
  backward,
  cpuMemory,
  emptyCache,
  gradientOf,
  item,
  liveTensors,
  mul,
  noGrad,
  Recompute,
  scope,
  setGradient,
  setRequiresGrad,
  sigmoid,
  sub,
  sum,
  type Tensor,
  tanh,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import type { ChunkOptions, Head } from "./head-chunks.ts";
import { maskColumn } from "./objective.ts";
import { rowDivergences, rowStatistics } from "./row-statistics.ts";

type Dtype = "float32" | "float64" | "bfloat16";
const [N, D, V] = [4, 3, 11];
const mask = 6;

interface Side {
  hidden: Float64Array;
  weight: Float64Array;
  bias: Float64Array;
}

function side(seed: number): Side {
  const next = mulberry32(seed);
  const random = (size: number, scale: number) =>
    Float64Array.from({ length: size }, () => Math.fround((next() - 0.5) * scale));
  return { hidden: random(N * D, 4), weight: random(V * D, 3), bias: random(V, 2) };
}

const targets = [
  [0, 10, 3, 5],
  [2, 2, 9, 0],
] as const;

/** Logits in plain numbers; the mask's is gone. */
const logitsOf = ({ hidden, weight, bias }: Side): number[][] =>
  Array.from({ length: N }, (_, n) =>
    Array.from({ length: V }, (_, v) => {
      let z = bias[v]! - (v === mask ? 1e6 : 0);
      for (let d = 0; d < D; d++) z += hidden[n * D + d]! * weight[v * D + d]!;
      return z;
    }),
  );

function logSoftmaxOf(z: readonly number[]): number[] {
  const top = Math.max(...z);
  const lse = top + Math.log(z.reduce((total, value) => total + Math.exp(value - top), 0));
  return z.map((value) => value - lse);
}

const meanUnder = (logs: readonly number[], values: readonly number[]): number =>
  logs.reduce((total, log, v) => total + (log < -1e5 ? 0 : Math.exp(log) * values[v]!), 0);

/** By name, what the functions give, in float64 and one number at a time. */
function oracle(p: Side, q: Side, temperature: number): Record<string, number[]> {
  const [logP, logQ] = [logitsOf(p).map(logSoftmaxOf), logitsOf(q).map(logSoftmaxOf)];
  const tempered = logitsOf(p).map((z) => logSoftmaxOf(z.map((value) => value / temperature)));
  const ratios = logP.map((row, n) => row.map((log, v) => (v === mask ? 0 : log - logQ[n]![v]!)));
  return {
    first: logP.map((row, n) => row[targets[0][n]!]!),
    second: logP.map((row, n) => row[targets[1][n]!]!),
    largest: logP.map((row) => Math.max(...row)),
    entropy: tempered.map((row) => -meanUnder(row, row)),
    forward: logP.map((row, n) => meanUnder(row, ratios[n]!)),
    reverse: logQ.map((row, n) => -meanUnder(row, ratios[n]!)),
  };
}

interface Rows {
  hidden_ND: Tensor;
  head: Head;
}

function rowsOf({ hidden, weight, bias }: Side, dtype: Dtype, wanted = true): Rows {
  const leaf = (values: Float64Array, shape: number[]) =>
    setRequiresGrad(tensor(values, shape, { dtype }), wanted);
  const column_V = tensor(maskColumn(V, mask), undefined, { dtype: dtype === "float64" ? dtype : "float32" });
  const head = { weight_VD: leaf(weight, [V, D]), bias_V: leaf(bias, [V]), column_V };
  return { hidden_ND: leaf(hidden, [N, D]), head };
}

const leavesOf = ({ hidden_ND, head }: Rows): Tensor[] => [hidden_ND, head.weight_VD, head.bias_V!];

interface How extends Pick<ChunkOptions, "products"> {
  recompute?: Recompute | undefined;
  chunk?: number;
  temperature?: number;
}

function found(p: Rows, q: Rows, { temperature = 1, ...how }: How): Record<string, Tensor> {
  const lists = targets.map((list) => tensor([...list], undefined, { dtype: "int64" }));
  const statistics = rowStatistics(p, { ...how, targets: lists, entropyTemperature: temperature });
  const [first, second] = statistics.logProbabilities as [Tensor, Tensor];
  const { forward_N: forward, reverse_N: reverse } = rowDivergences(p, q, how);
  return { first, second, largest: statistics.largest_N, entropy: statistics.entropy_N!, forward, reverse };
}

/** Something of all of them in which every row counts differently. */
const mixOf = (one: Record<string, number[]>): number =>
  one.first!.reduce((total, first, n) => {
    const preferred = 1 / (1 + Math.exp(one.second![n]! - first));
    return (
      total + preferred * one.entropy![n]! + Math.tanh(one.forward![n]!) * (n + 1) - one.reverse![n]! * n
    );
  }, 0);

function mix({ first, second, entropy, forward, reverse }: Record<string, Tensor>): Tensor {
  const { dtype } = first!;
  const count = tensor(
    Float64Array.from({ length: N }, (_, n) => n),
    undefined,
    { dtype },
  );
  const preferred = mul(sigmoid(sub(first!, second!)), entropy!);
  const distance = mul(tanh(forward!), add(count, 1));
  return sum(sub(add(preferred, distance), mul(reverse!, count)));
}

/** Gradients of `leaves`, which are removed. */
function slopes(leaves: readonly Tensor[], loss: (recompute?: Recompute) => Tensor, recompute?: Recompute) {
  return scope(() => {
    backward(loss(recompute));
    recompute?.finish();
    return leaves.map((leaf) => {
      const gradient = gradientOf(leaf)!;
      expect(gradient.dtype).toBe(leaf.dtype);
      setGradient(leaf, null);
      return toNumbers(gradient);
    });
  });
}

const chunkSizes = [1, 4, 10, 11, 1000];

describe("statistics of rows", () => {
  it.each([
    ["float64", 1e-12],
    ["float32", 3e-6],
  ] as const)("agree with the oracle in %s, whatever the chunks", (dtype, tolerance) => {
    const [p, q] = [side(1), side(2)];
    for (const temperature of [1, 0.5]) {
      const expected = oracle(p, q, temperature);
      for (const chunk of chunkSizes) {
        const result = scope(() => {
          const one = found(rowsOf(p, dtype), rowsOf(q, dtype), { chunk, temperature });
          return Object.entries(one).map(([name, value]) => [name, toNumbers(value)] as const);
        });
        for (const [name, numbers] of result) {
          numbers.forEach((value, n) => {
            const exact = expected[name]![n]!;
            expect(Math.abs(value - exact) / (1 + Math.abs(exact)), `${name} ${n}`).toBeLessThan(tolerance);
          });
        }
      }
    }
  });

  it("keep the digits of small entropies beside large logits, in float32", () => {
    // Logits of about 60, and one token of each row that is 9 above all others.
    const sure = side(7);
    sure.bias.fill(60);
    sure.bias[2] = 69;
    const p = { ...sure, weight: sure.weight.map((value) => value / 64) };
    const exact = oracle(p, p, 1).entropy!;
    for (const chunk of [4, V]) {
      const entropies = scope(() => {
        const { entropy } = found(rowsOf(p, "float32"), rowsOf(p, "float32"), { chunk });
        return toNumbers(entropy!);
      });
      entropies.forEach((value, n) => {
        expect(exact[n]!).toBeLessThan(0.02);
        expect(Math.abs(value / exact[n]! - 1)).toBeLessThan(2e-4);
      });
    }
  });

  it("have the oracle's gradients, whatever is made of them", () => {
    const [p, q] = [side(3), side(4)];
    const temperature = 0.5;
    for (const chunk of chunkSizes) {
      scope(() => {
        const [pRows, qRows] = [rowsOf(p, "float64"), rowsOf(q, "float64")];
        const recompute = new Recompute();
        const loss = scope(() => mix(found(pRows, qRows, { recompute, chunk, temperature })));
        expect(item(loss)).toBeCloseTo(mixOf(oracle(p, q, temperature)), 12);
        backward(loss);
        recompute.finish();
        const arrays = [p, q].flatMap(({ hidden, weight, bias }) => [hidden, weight, bias]);
        [pRows, qRows].flatMap(leavesOf).forEach((leaf, i) => {
          const gradient = toNumbers(gradientOf(leaf)!);
          const values = arrays[i]!;
          for (let at = 0; at < values.length; at += chunk === 4 ? 1 : 5) {
            const here = values[at]!;
            const moved = [1e-5, -1e-5].map((step) => {
              values[at] = here + step;
              return mixOf(oracle(p, q, temperature));
            });
            values[at] = here;
            const slope = (moved[0]! - moved[1]!) / 2e-5;
            expect(Math.abs(gradient[at]! - slope) / (1 + Math.abs(slope)), `${i} ${at}`).toBeLessThan(1e-7);
          }
        });
      });
    }
  });

  it("share a head between rows of one network, and hidden rows between uses", () => {
    const p = rowsOf(side(5), "float32");
    const q = { ...rowsOf(side(6), "float32"), head: p.head };
    // Hidden rows with a graph of their own, which both uses go through.
    const use = (recompute?: Recompute) => {
      const behind = (rows: Rows) => ({ ...rows, hidden_ND: tanh(rows.hidden_ND) });
      return mix(found(behind(p), behind(q), { recompute, chunk: 4 }));
    };
    const leaves = [...leavesOf(p), q.hidden_ND];
    const plain = slopes(leaves, use);
    const before = liveTensors().count;
    const recomputed = slopes(leaves, use, new Recompute());
    expect(liveTensors().count).toBe(before);
    recomputed.forEach((list, i) => {
      const largest = Math.max(...plain[i]!.map(Math.abs));
      list.forEach((value, at) => {
        expect(Math.abs(value - plain[i]![at]!) / largest).toBeLessThan(2e-6);
      });
    });
  });

  it("give gradients where they are wanted alone: a frozen teacher has none, a frozen head passes them on", () => {
    const [student, teacher] = [rowsOf(side(7), "float64"), rowsOf(side(8), "float64", false)];
    setRequiresGrad(student.head.weight_VD, false);
    const leaves = [student.hidden_ND, student.head.bias_V!];
    const use = (recompute?: Recompute) => mix(found(teacher, student, { recompute, chunk: 3 }));
    const recompute = new Recompute();
    const [plain, recomputed] = [slopes(leaves, use), slopes(leaves, use, recompute)];
    recomputed.flat().forEach((value, i) => {
      expect(value).toBeCloseTo(plain.flat()[i]!, 12);
    });
    for (const one of [...leavesOf(teacher), student.head.weight_VD]) expect(gradientOf(one)).toBeNull();
    scope(() => {
      const quiet = noGrad(() => mix(found(student, teacher, { recompute, chunk: 3 })));
      expect(quiet.requiresGrad).toBe(false);
      recompute.finish();
    });
  });

  it("are near in bfloat16, and gradients have the leaves' dtype", () => {
    const [p, q] = [rowsOf(side(9), "bfloat16"), rowsOf(side(10), "bfloat16")];
    const leaves = leavesOf(p);
    const use = (recompute?: Recompute) => mix(found(p, q, { recompute, chunk: 4, products: "bfloat16" }));
    const exact = mixOf(oracle(side(9), side(10), 1));
    expect(Math.abs(scope(() => item(use())) / exact - 1)).toBeLessThan(0.05);
    const [plain, recomputed] = [slopes(leaves, use), slopes(leaves, use, new Recompute())];
    recomputed.forEach((list, i) => {
      const largest = Math.max(...plain[i]!.map(Math.abs));
      list.forEach((value, at) => {
        expect(Math.abs(value - plain[i]![at]!) / largest).toBeLessThan(0.02);
      });
    });
  });

  it("of no rows are none, and what cannot be compared is refused", () => {
    scope(() => {
      const { head } = rowsOf(side(1), "float32");
      const hidden_ND = setRequiresGrad(tensor(new Float32Array(0), [0, D]), true);
      const recompute = new Recompute();
      const none = rowStatistics({ hidden_ND, head }, { recompute, entropyTemperature: 1 });
      expect([none.entropy_N!.shape, none.largest_N.shape]).toEqual([[0], [0]]);
      backward(sum(none.entropy_N!));
      recompute.finish();
      expect(gradientOf(hidden_ND)!.shape).toEqual([0, D]);
      expect(() => rowDivergences({ hidden_ND, head }, rowsOf(side(1), "float32"), {})).toThrow(/as many/);
    });
  });

  it("never hold the logits: 64 Ki tokens and 256 rows in less than what they take", () => {
    const [rows, vocabulary] = [256, 1 << 16];
    const wave = (shape: [number, number]) =>
      setRequiresGrad(
        tensor(
          Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.sin(i)),
          shape,
        ),
        true,
      );
    const p = { hidden_ND: wave([rows, 8]), head: { weight_VD: wave([vocabulary, 8]) } };
    emptyCache();
    const before = cpuMemory().totalBytes;
    scope(() => {
      const recompute = new Recompute();
      backward(sum(rowStatistics(p, { recompute, entropyTemperature: 1, chunk: 4096 }).entropy_N!));
      recompute.finish();
    });
    expect(cpuMemory().totalBytes - before).toBeLessThan(rows * vocabulary * 4);
  });
});
