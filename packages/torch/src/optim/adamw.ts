// AdamW: Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2), float32 state and masters.
//
//   p ← p · (1 − lr · decay);  m ← β₁ m + (1 − β₁) g;  v ← β₂ v + (1 − β₂) g²
//   p ← p − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
//
// Tensors are walked in pieces that fit the processor's cache: the seven passes over a piece then read memory
// once, not seven times. Where libtorch has the fused operator (2.x), one call does a whole group.

import { gradientOf, noGrad, setGradient } from "../core/autograd.ts";
import { convert, tensor } from "../core/create.ts";
import type { Device } from "../core/device.ts";
import { operator } from "../core/dispatch.ts";
import { TorchError } from "../core/errors.ts";
import { keep, scope } from "../core/scope.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  copy_,
  detach,
  foreachAdd_,
  foreachAddcdiv_,
  foreachAddcmul_,
  foreachAddScalar_,
  foreachDivScalar_,
  foreachMul_,
  foreachSqrt,
  fusedAdamW_,
  split,
  view,
  zerosLike,
} from "../generated/ops.ts";

export interface ParameterGroup {
  parameters: readonly Tensor[];
  /** Overrides the optimiser's for this group. */
  weightDecay?: number | undefined;
  /** Factor of the learning rate for this group (1 by default). */
  rate?: number | undefined;
}

export interface AdamWOptions {
  betas?: readonly [number, number] | undefined;
  eps?: number | undefined;
  weightDecay?: number | undefined;
}

interface Slot {
  parameter: Tensor;
  /** float32 copy that is really updated, when the parameter itself is of lower precision. */
  master: Tensor | undefined;
  mean: Tensor;
  square: Tensor;
}

const fused = operator("aten::_fused_adamw_");
// 4 float32 arrays of this many elements (parameter, gradient, mean, square) stay within 1 MiB of cache.
const pieceSize = 1 << 16;

/** State lives in tensors outside every scope; dispose() frees it. */
export class AdamW {
  /** Number of steps taken. */
  steps = 0;
  private readonly groups: { slots: Slot[]; weightDecay: number; rate: number }[];
  private readonly betas: readonly [number, number];
  private readonly eps: number;

  constructor(groups: readonly ParameterGroup[], options: AdamWOptions = {}) {
    this.betas = options.betas ?? [0.9, 0.999];
    this.eps = options.eps ?? 1e-8;
    this.groups = groups.map((group) => ({
      slots: group.parameters.map(newSlot),
      weightDecay: group.weightDecay ?? options.weightDecay ?? 0,
      rate: group.rate ?? 1,
    }));
  }

  get parameters(): Tensor[] {
    return this.groups.flatMap((group) => group.slots.map((slot) => slot.parameter));
  }

  /** One update with the gradients present; parameters without one are left alone. */
  step(learningRate: number): void {
    this.steps++;
    noGrad(() =>
      scope(() => {
        for (const group of this.groups) {
          const rate = learningRate * group.rate;
          const parts = group.slots.map(partsOf).filter((part) => part !== undefined);
          if (parts.length === 0) continue;
          if (fusedWorks(parts[0]![0].device)) this.fusedStep(parts, rate, group.weightDecay);
          else this.blockedStep(parts, rate, group.weightDecay);
          for (const slot of group.slots) if (slot.master !== undefined) copy_(slot.parameter, slot.master);
        }
      }),
    );
  }

  /** Removes every gradient. */
  zeroGradients(): void {
    for (const parameter of this.parameters) setGradient(parameter, null);
  }

  /** The state by index of parameter, for a checkpoint: `<i>.mean`, `<i>.square`, `<i>.master`. */
  state(): Map<string, Tensor> {
    const all = this.groups.flatMap((group) => group.slots);
    return new Map(
      all.flatMap((slot, i) => {
        const entries: [string, Tensor][] = [
          [`${i}.mean`, slot.mean],
          [`${i}.square`, slot.square],
        ];
        if (slot.master !== undefined) entries.push([`${i}.master`, slot.master]);
        return entries;
      }),
    );
  }

  /** Restores what state() gave, bit for bit. Throws if a tensor is missing or of another shape. */
  loadState(saved: ReadonlyMap<string, Tensor>, steps: number): void {
    noGrad(() => {
      for (const [name, target] of this.state()) {
        const source = saved.get(name);
        if (source === undefined) throw new Error(`the saved optimiser state has no tensor "${name}"`);
        if (source.shape.join() !== target.shape.join()) {
          throw new Error(
            `the saved optimiser state "${name}" is ${source.describe()}, needed ${target.describe()}`,
          );
        }
        copy_(target, source);
      }
    });
    this.steps = steps;
  }

  dispose(): void {
    for (const one of this.state().values()) one.dispose();
  }

  private blockedStep(parts: Part[], rate: number, weightDecay: number): void {
    const [beta1, beta2] = this.betas;
    const correction1 = 1 - beta1 ** this.steps;
    const correction2 = Math.sqrt(1 - beta2 ** this.steps);
    for (const batch of batches(parts)) {
      scope(() => {
        const [values, narrow, means, squares] = columns(batch);
        // Here and not before: gradients of lower precision are never all held a second time.
        const gradients = narrow.map((one, i) => convert(one, values[i]!.dtype, undefined));
        if (weightDecay !== 0) foreachMul_(values, 1 - rate * weightDecay);
        foreachMul_(means, beta1);
        foreachAdd_(means, gradients, { alpha: 1 - beta1 });
        foreachMul_(squares, beta2);
        foreachAddcmul_(squares, gradients, gradients, { value: 1 - beta2 });
        const denominators = foreachSqrt(squares);
        foreachDivScalar_(denominators, correction2);
        foreachAddScalar_(denominators, this.eps);
        foreachAddcdiv_(values, means, denominators, { value: -rate / correction1 });
      });
    }
  }

  private fusedStep(parts: Part[], rate: number, weightDecay: number): void {
    const [values, narrow, means, squares] = columns(parts);
    const gradients = narrow.map((one, i) => convert(one, values[i]!.dtype, undefined));
    const step = tensor(this.steps, [], { device: values[0]!.device });
    fusedAdamW_(
      values,
      gradients,
      means,
      squares,
      [],
      values.map(() => step),
      {
        lr: rate,
        beta1: this.betas[0],
        beta2: this.betas[1],
        weightDecay,
        eps: this.eps,
        amsgrad: false,
        maximize: false,
      },
    );
  }
}

const probed = new Map<Device, boolean>();

/** libtorch 2.0 to 2.3 have the operator but no CPU kernel behind it: ask by trying. */
function fusedWorks(device: Device): boolean {
  let works = probed.get(device);
  if (works === undefined) {
    works = fused.exists && scope(() => tryFused(device));
    probed.set(device, works);
  }
  return works;
}

function tryFused(device: Device): boolean {
  try {
    const [value, gradient, mean, square] = [0, 1, 2, 3].map(() => tensor([0], [1], { device }));
    const options = {
      lr: 0,
      beta1: 0.9,
      beta2: 0.999,
      weightDecay: 0,
      eps: 1e-8,
      amsgrad: false,
      maximize: false,
    };
    fusedAdamW_([value!], [gradient!], [mean!], [square!], [], [tensor(1, [], { device })], options);
    return true;
  } catch (error) {
    if (error instanceof TorchError) return false;
    throw error;
  }
}

/** [value, gradient, mean, square] of one tensor or of a piece of it. */
type Part = readonly [Tensor, Tensor, Tensor, Tensor];

function newSlot(parameter: Tensor): Slot {
  const full = parameter.dtype === "float32" || parameter.dtype === "float64";
  return noGrad(() =>
    scope(() => {
      const plain = detach(parameter);
      const master = full ? undefined : keep(convert(plain, "float32", undefined));
      const like = master ?? plain;
      return { parameter, master, mean: keep(zerosLike(like)), square: keep(zerosLike(like)) };
    }),
  );
}

function partsOf(slot: Slot): Part | undefined {
  const gradient = gradientOf(slot.parameter);
  if (gradient === null) return undefined;
  const value = slot.master ?? detach(slot.parameter);
  return [value, gradient, slot.mean, slot.square];
}

/** Small tensors go many to a call, large contiguous ones are cut into pieces. */
function* batches(parts: Part[]): Generator<Part[]> {
  let gathered: Part[] = [];
  let size = 0;
  for (const part of parts) {
    const length = part[0].size;
    if (length > pieceSize && part.every((one) => one.isContiguous)) {
      const pieces = part.map((one) => split(view(one, [length]), pieceSize));
      for (let i = 0; i < pieces[0]!.length; i++) yield [pieces.map((list) => list[i]!) as unknown as Part];
      continue;
    }
    gathered.push(part);
    size += length;
    if (size >= pieceSize) {
      yield gathered;
      gathered = [];
      size = 0;
    }
  }
  if (gathered.length > 0) yield gathered;
}

function columns(parts: readonly Part[]): [Tensor[], Tensor[], Tensor[], Tensor[]] {
  return [0, 1, 2, 3].map((i) => parts.map((part) => part[i]!)) as [Tensor[], Tensor[], Tensor[], Tensor[]];
}
