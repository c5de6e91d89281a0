// AdamW with its state sharded over the ranks (ZeRO stage 1; Rajbhandari et al. 2020): each rank keeps moments and
// masters of its own parameters only, updates those, and sends them to the others. Which rank owns what depends on the
// number of ranks, so state goes by the names of parameters and loads at any other number.

import { setGradient } from "../core/autograd.ts";
import type { Tensor } from "../core/tensor.ts";
import { AdamW, type AdamWOptions } from "../optim/adamw.ts";
import { assignOwners } from "./sharding.ts";
import type { World } from "./world.ts";

export interface NamedGroup {
  parameters: ReadonlyMap<string, Tensor>;
  /** Overrides the optimiser's for this group. */
  weightDecay?: number | undefined;
  /** Factor of the learning rate for this group (1 by default). */
  rate?: number | undefined;
}

/** In a world of one this is AdamW with names. */
export class ShardedAdamW {
  private readonly world: World;
  private readonly all: ReadonlyMap<string, Tensor>;
  private readonly own: AdamW;
  private readonly ownNames: readonly string[];
  /** Parameters by owner. */
  private readonly shards: readonly (readonly Tensor[])[];

  /** Every rank gives the same groups. Names are unique over all groups. */
  constructor(world: World, groups: readonly NamedGroup[], options: AdamWOptions = {}) {
    this.world = world;
    const entries = groups.flatMap((group) => [...group.parameters]);
    this.all = new Map(entries);
    if (this.all.size !== entries.length) {
      const twice = entries.find(([name], i) => entries.findIndex(([other]) => other === name) !== i);
      throw new Error(`two parameters are called "${twice?.[0]}"`);
    }
    const sizes = entries.map(([, parameter]) => parameter.size);
    const owners = new Map(
      assignOwners(sizes, world.size).map((owner, i) => [entries[i]![0], owner] as const),
    );
    const ownedBy = (rank: number, group: NamedGroup) =>
      [...group.parameters].filter(([name]) => owners.get(name) === rank);
    this.ownNames = groups.flatMap((group) => ownedBy(world.rank, group).map(([name]) => name));
    this.own = new AdamW(
      groups.map((group) => ({
        ...group,
        parameters: ownedBy(world.rank, group).map(([, parameter]) => parameter),
      })),
      options,
    );
    this.shards = Array.from({ length: world.size }, (_, rank) =>
      groups.flatMap((group) => ownedBy(rank, group).map(([, parameter]) => parameter)),
    );
  }

  /** Number of steps taken. */
  get steps(): number {
    return this.own.steps;
  }
  set steps(count: number) {
    this.own.steps = count;
  }

  /** All parameters, also those of other ranks. */
  get parameters(): Tensor[] {
    return [...this.all.values()];
  }

  /** One update with the gradients present (the sums over ranks); afterwards all ranks hold the same weights. */
  async step(learningRate: number): Promise<void> {
    this.own.step(learningRate);
    for (const [rank, shard] of this.shards.entries()) await this.world.broadcast(shard, rank);
  }

  /** Removes every gradient. */
  zeroGradients(): void {
    for (const parameter of this.all.values()) setGradient(parameter, null);
  }

  /** This rank's part of the state: `<name>.mean`, `<name>.square`, `<name>.master`. The ranks' parts make the whole. */
  state(): Map<string, Tensor> {
    return new Map(
      [...this.own.state()].map(([key, tensor]) => {
        const dot = key.indexOf(".");
        return [`${this.ownNames[Number(key.slice(0, dot))]}${key.slice(dot)}`, tensor];
      }),
    );
  }

  /** Takes this rank's part out of a state saved by any number of ranks. Throws if a tensor is missing or misshapen. */
  loadState(saved: Pick<ReadonlyMap<string, Tensor>, "get">, steps: number): void {
    const byIndex = [...this.own.state().keys()].map((key) => {
      const dot = key.indexOf(".");
      const name = `${this.ownNames[Number(key.slice(0, dot))]}${key.slice(dot)}`;
      const tensor = saved.get(name);
      if (tensor === undefined) throw new Error(`the saved optimiser state has no tensor "${name}"`);
      return [key, tensor] as const;
    });
    this.own.loadState(new Map(byIndex), steps);
  }

  dispose(): void {
    this.own.dispose();
  }
}
